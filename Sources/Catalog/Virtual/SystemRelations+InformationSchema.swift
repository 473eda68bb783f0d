// The views of information_schema,
// a line each: OID, kind (r table, v view), name, then column:type, `!` for NOT NULL; deeper lines continue one.
// Source: the catalogs of PostgreSQL 15 itself; domains stand as their base types.

extension SystemRelations {
  static let informationSchema = """
    13227 v information_schema_catalog_name catalog_name:name
    13236 v applicable_roles grantee:name role_name:name is_grantable:varchar(7)
    13241 v administrable_role_authorizations grantee:name role_name:name is_grantable:varchar(7)
    13245 v attributes udt_catalog:name udt_schema:name udt_name:name attribute_name:name ordinal_position:int4
      attribute_default:varchar is_nullable:varchar(7) data_type:varchar character_maximum_length:int4
      character_octet_length:int4 character_set_catalog:name character_set_schema:name character_set_name:name
      collation_catalog:name collation_schema:name collation_name:name numeric_precision:int4
      numeric_precision_radix:int4 numeric_scale:int4 datetime_precision:int4 interval_type:varchar
      interval_precision:int4 attribute_udt_catalog:name attribute_udt_schema:name attribute_udt_name:name
      scope_catalog:name scope_schema:name scope_name:name maximum_cardinality:int4 dtd_identifier:name
      is_derived_reference_attribute:varchar(7)
    13250 v character_sets character_set_catalog:name character_set_schema:name character_set_name:name
      character_repertoire:name form_of_use:name default_collate_catalog:name default_collate_schema:name
      default_collate_name:name
    13255 v check_constraint_routine_usage constraint_catalog:name constraint_schema:name constraint_name:name
      specific_catalog:name specific_schema:name specific_name:name
    13260 v check_constraints constraint_catalog:name constraint_schema:name constraint_name:name
      check_clause:varchar
    13265 v collations collation_catalog:name collation_schema:name collation_name:name pad_attribute:varchar
    13270 v collation_character_set_applicability collation_catalog:name collation_schema:name collation_name:name
      character_set_catalog:name character_set_schema:name character_set_name:name
    13275 v column_column_usage table_catalog:name table_schema:name table_name:name column_name:name
      dependent_column:name
    13280 v column_domain_usage domain_catalog:name domain_schema:name domain_name:name table_catalog:name
      table_schema:name table_name:name column_name:name
    13285 v column_privileges grantor:name grantee:name table_catalog:name table_schema:name table_name:name
      column_name:name privilege_type:varchar is_grantable:varchar(7)
    13290 v column_udt_usage udt_catalog:name udt_schema:name udt_name:name table_catalog:name table_schema:name
      table_name:name column_name:name
    13295 v columns table_catalog:name table_schema:name table_name:name column_name:name ordinal_position:int4
      column_default:varchar is_nullable:varchar(7) data_type:varchar character_maximum_length:int4
      character_octet_length:int4 numeric_precision:int4 numeric_precision_radix:int4 numeric_scale:int4
      datetime_precision:int4 interval_type:varchar interval_precision:int4 character_set_catalog:name
      character_set_schema:name character_set_name:name collation_catalog:name collation_schema:name
      collation_name:name domain_catalog:name domain_schema:name domain_name:name udt_catalog:name udt_schema:name
      udt_name:name scope_catalog:name scope_schema:name scope_name:name maximum_cardinality:int4
      dtd_identifier:name is_self_referencing:varchar(7) is_identity:varchar(7) identity_generation:varchar
      identity_start:varchar identity_increment:varchar identity_maximum:varchar identity_minimum:varchar
      identity_cycle:varchar(7) is_generated:varchar generation_expression:varchar is_updatable:varchar(7)
    13300 v constraint_column_usage table_catalog:name table_schema:name table_name:name column_name:name
      constraint_catalog:name constraint_schema:name constraint_name:name
    13305 v constraint_table_usage table_catalog:name table_schema:name table_name:name constraint_catalog:name
      constraint_schema:name constraint_name:name
    13310 v domain_constraints constraint_catalog:name constraint_schema:name constraint_name:name
      domain_catalog:name domain_schema:name domain_name:name is_deferrable:varchar(7)
      initially_deferred:varchar(7)
    13315 v domain_udt_usage udt_catalog:name udt_schema:name udt_name:name domain_catalog:name domain_schema:name
      domain_name:name
    13320 v domains domain_catalog:name domain_schema:name domain_name:name data_type:varchar
      character_maximum_length:int4 character_octet_length:int4 character_set_catalog:name
      character_set_schema:name character_set_name:name collation_catalog:name collation_schema:name
      collation_name:name numeric_precision:int4 numeric_precision_radix:int4 numeric_scale:int4
      datetime_precision:int4 interval_type:varchar interval_precision:int4 domain_default:varchar
      udt_catalog:name udt_schema:name udt_name:name scope_catalog:name scope_schema:name scope_name:name
      maximum_cardinality:int4 dtd_identifier:name
    13325 v enabled_roles role_name:name
    13329 v key_column_usage constraint_catalog:name constraint_schema:name constraint_name:name
      table_catalog:name table_schema:name table_name:name column_name:name ordinal_position:int4
      position_in_unique_constraint:int4
    13334 v parameters specific_catalog:name specific_schema:name specific_name:name ordinal_position:int4
      parameter_mode:varchar is_result:varchar(7) as_locator:varchar(7) parameter_name:name data_type:varchar
      character_maximum_length:int4 character_octet_length:int4 character_set_catalog:name
      character_set_schema:name character_set_name:name collation_catalog:name collation_schema:name
      collation_name:name numeric_precision:int4 numeric_precision_radix:int4 numeric_scale:int4
      datetime_precision:int4 interval_type:varchar interval_precision:int4 udt_catalog:name udt_schema:name
      udt_name:name scope_catalog:name scope_schema:name scope_name:name maximum_cardinality:int4
      dtd_identifier:name parameter_default:varchar
    13339 v referential_constraints constraint_catalog:name constraint_schema:name constraint_name:name
      unique_constraint_catalog:name unique_constraint_schema:name unique_constraint_name:name
      match_option:varchar update_rule:varchar delete_rule:varchar
    13344 v role_column_grants grantor:name grantee:name table_catalog:name table_schema:name table_name:name
      column_name:name privilege_type:varchar is_grantable:varchar(7)
    13348 v routine_column_usage specific_catalog:name specific_schema:name specific_name:name
      routine_catalog:name routine_schema:name routine_name:name table_catalog:name table_schema:name
      table_name:name column_name:name
    13353 v routine_privileges grantor:name grantee:name specific_catalog:name specific_schema:name
      specific_name:name routine_catalog:name routine_schema:name routine_name:name privilege_type:varchar
      is_grantable:varchar(7)
    13358 v role_routine_grants grantor:name grantee:name specific_catalog:name specific_schema:name
      specific_name:name routine_catalog:name routine_schema:name routine_name:name privilege_type:varchar
      is_grantable:varchar(7)
    13362 v routine_routine_usage specific_catalog:name specific_schema:name specific_name:name
      routine_catalog:name routine_schema:name routine_name:name
    13367 v routine_sequence_usage specific_catalog:name specific_schema:name specific_name:name
      routine_catalog:name routine_schema:name routine_name:name sequence_catalog:name sequence_schema:name
      sequence_name:name
    13372 v routine_table_usage specific_catalog:name specific_schema:name specific_name:name routine_catalog:name
      routine_schema:name routine_name:name table_catalog:name table_schema:name table_name:name
    13377 v routines specific_catalog:name specific_schema:name specific_name:name routine_catalog:name
      routine_schema:name routine_name:name routine_type:varchar module_catalog:name module_schema:name
      module_name:name udt_catalog:name udt_schema:name udt_name:name data_type:varchar
      character_maximum_length:int4 character_octet_length:int4 character_set_catalog:name
      character_set_schema:name character_set_name:name collation_catalog:name collation_schema:name
      collation_name:name numeric_precision:int4 numeric_precision_radix:int4 numeric_scale:int4
      datetime_precision:int4 interval_type:varchar interval_precision:int4 type_udt_catalog:name
      type_udt_schema:name type_udt_name:name scope_catalog:name scope_schema:name scope_name:name
      maximum_cardinality:int4 dtd_identifier:name routine_body:varchar routine_definition:varchar
      external_name:varchar external_language:varchar parameter_style:varchar is_deterministic:varchar(7)
      sql_data_access:varchar is_null_call:varchar(7) sql_path:varchar schema_level_routine:varchar(7)
      max_dynamic_result_sets:int4 is_user_defined_cast:varchar(7) is_implicitly_invocable:varchar(7)
      security_type:varchar to_sql_specific_catalog:name to_sql_specific_schema:name to_sql_specific_name:name
      as_locator:varchar(7) created:timestamptz(2) last_altered:timestamptz(2) new_savepoint_level:varchar(7)
      is_udt_dependent:varchar(7) result_cast_from_data_type:varchar result_cast_as_locator:varchar(7)
      result_cast_char_max_length:int4 result_cast_char_octet_length:int4 result_cast_char_set_catalog:name
      result_cast_char_set_schema:name result_cast_char_set_name:name result_cast_collation_catalog:name
      result_cast_collation_schema:name result_cast_collation_name:name result_cast_numeric_precision:int4
      result_cast_numeric_precision_radix:int4 result_cast_numeric_scale:int4 result_cast_datetime_precision:int4
      result_cast_interval_type:varchar result_cast_interval_precision:int4 result_cast_type_udt_catalog:name
      result_cast_type_udt_schema:name result_cast_type_udt_name:name result_cast_scope_catalog:name
      result_cast_scope_schema:name result_cast_scope_name:name result_cast_maximum_cardinality:int4
      result_cast_dtd_identifier:name
    13382 v schemata catalog_name:name schema_name:name schema_owner:name default_character_set_catalog:name
      default_character_set_schema:name default_character_set_name:name sql_path:varchar
    13386 v sequences sequence_catalog:name sequence_schema:name sequence_name:name data_type:varchar
      numeric_precision:int4 numeric_precision_radix:int4 numeric_scale:int4 start_value:varchar
      minimum_value:varchar maximum_value:varchar increment:varchar cycle_option:varchar(7)
    13391 r sql_features feature_id:varchar feature_name:varchar sub_feature_id:varchar sub_feature_name:varchar
      is_supported:varchar(7) is_verified_by:varchar comments:varchar
    13396 r sql_implementation_info implementation_info_id:varchar implementation_info_name:varchar
      integer_value:int4 character_value:varchar comments:varchar
    13401 r sql_parts feature_id:varchar feature_name:varchar is_supported:varchar(7) is_verified_by:varchar
      comments:varchar
    13406 r sql_sizing sizing_id:int4 sizing_name:varchar supported_value:int4 comments:varchar
    13411 v table_constraints constraint_catalog:name constraint_schema:name constraint_name:name
      table_catalog:name table_schema:name table_name:name constraint_type:varchar is_deferrable:varchar(7)
      initially_deferred:varchar(7) enforced:varchar(7) nulls_distinct:varchar(7)
    13416 v table_privileges grantor:name grantee:name table_catalog:name table_schema:name table_name:name
      privilege_type:varchar is_grantable:varchar(7) with_hierarchy:varchar(7)
    13421 v role_table_grants grantor:name grantee:name table_catalog:name table_schema:name table_name:name
      privilege_type:varchar is_grantable:varchar(7) with_hierarchy:varchar(7)
    13425 v tables table_catalog:name table_schema:name table_name:name table_type:varchar
      self_referencing_column_name:name reference_generation:varchar user_defined_type_catalog:name
      user_defined_type_schema:name user_defined_type_name:name is_insertable_into:varchar(7) is_typed:varchar(7)
      commit_action:varchar
    13430 v transforms udt_catalog:name udt_schema:name udt_name:name specific_catalog:name specific_schema:name
      specific_name:name group_name:name transform_type:varchar
    13435 v triggered_update_columns trigger_catalog:name trigger_schema:name trigger_name:name
      event_object_catalog:name event_object_schema:name event_object_table:name event_object_column:name
    13440 v triggers trigger_catalog:name trigger_schema:name trigger_name:name event_manipulation:varchar
      event_object_catalog:name event_object_schema:name event_object_table:name action_order:int4
      action_condition:varchar action_statement:varchar action_orientation:varchar action_timing:varchar
      action_reference_old_table:name action_reference_new_table:name action_reference_old_row:name
      action_reference_new_row:name created:timestamptz(2)
    13445 v udt_privileges grantor:name grantee:name udt_catalog:name udt_schema:name udt_name:name
      privilege_type:varchar is_grantable:varchar(7)
    13450 v role_udt_grants grantor:name grantee:name udt_catalog:name udt_schema:name udt_name:name
      privilege_type:varchar is_grantable:varchar(7)
    13454 v usage_privileges grantor:name grantee:name object_catalog:name object_schema:name object_name:name
      object_type:varchar privilege_type:varchar is_grantable:varchar(7)
    13459 v role_usage_grants grantor:name grantee:name object_catalog:name object_schema:name object_name:name
      object_type:varchar privilege_type:varchar is_grantable:varchar(7)
    13463 v user_defined_types user_defined_type_catalog:name user_defined_type_schema:name
      user_defined_type_name:name user_defined_type_category:varchar is_instantiable:varchar(7)
      is_final:varchar(7) ordering_form:varchar ordering_category:varchar ordering_routine_catalog:name
      ordering_routine_schema:name ordering_routine_name:name reference_type:varchar data_type:varchar
      character_maximum_length:int4 character_octet_length:int4 character_set_catalog:name
      character_set_schema:name character_set_name:name collation_catalog:name collation_schema:name
      collation_name:name numeric_precision:int4 numeric_precision_radix:int4 numeric_scale:int4
      datetime_precision:int4 interval_type:varchar interval_precision:int4 source_dtd_identifier:name
      ref_dtd_identifier:name
    13468 v view_column_usage view_catalog:name view_schema:name view_name:name table_catalog:name
      table_schema:name table_name:name column_name:name
    13473 v view_routine_usage table_catalog:name table_schema:name table_name:name specific_catalog:name
      specific_schema:name specific_name:name
    13478 v view_table_usage view_catalog:name view_schema:name view_name:name table_catalog:name
      table_schema:name table_name:name
    13483 v views table_catalog:name table_schema:name table_name:name view_definition:varchar
      check_option:varchar is_updatable:varchar(7) is_insertable_into:varchar(7) is_trigger_updatable:varchar(7)
      is_trigger_deletable:varchar(7) is_trigger_insertable_into:varchar(7)
    13488 v data_type_privileges object_catalog:name object_schema:name object_name:name object_type:varchar
      dtd_identifier:name
    13493 v element_types object_catalog:name object_schema:name object_name:name object_type:varchar
      collection_type_identifier:name data_type:varchar character_maximum_length:int4 character_octet_length:int4
      character_set_catalog:name character_set_schema:name character_set_name:name collation_catalog:name
      collation_schema:name collation_name:name numeric_precision:int4 numeric_precision_radix:int4
      numeric_scale:int4 datetime_precision:int4 interval_type:varchar interval_precision:int4
      domain_default:varchar udt_catalog:name udt_schema:name udt_name:name scope_catalog:name scope_schema:name
      scope_name:name maximum_cardinality:int4 dtd_identifier:name
    13503 v column_options table_catalog:name table_schema:name table_name:name column_name:name option_name:name
      option_value:varchar
    13511 v foreign_data_wrapper_options foreign_data_wrapper_catalog:name foreign_data_wrapper_name:name
      option_name:name option_value:varchar
    13515 v foreign_data_wrappers foreign_data_wrapper_catalog:name foreign_data_wrapper_name:name
      authorization_identifier:name library_name:varchar foreign_data_wrapper_language:varchar
    13524 v foreign_server_options foreign_server_catalog:name foreign_server_name:name option_name:name
      option_value:varchar
    13528 v foreign_servers foreign_server_catalog:name foreign_server_name:name foreign_data_wrapper_catalog:name
      foreign_data_wrapper_name:name foreign_server_type:varchar foreign_server_version:varchar
      authorization_identifier:name
    13537 v foreign_table_options foreign_table_catalog:name foreign_table_schema:name foreign_table_name:name
      option_name:name option_value:varchar
    13541 v foreign_tables foreign_table_catalog:name foreign_table_schema:name foreign_table_name:name
      foreign_server_catalog:name foreign_server_name:name
    13550 v user_mapping_options authorization_identifier:name foreign_server_catalog:name
      foreign_server_name:name option_name:name option_value:varchar
    13555 v user_mappings authorization_identifier:name foreign_server_catalog:name foreign_server_name:name
    """
}
