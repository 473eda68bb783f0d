// Which relation's rows come from where. A relation that is not named here is empty: this version has no such objects.

extension SystemRelations {
  static let catalogSources: [String: RowSource] = [
    "pg_class": classRows, "pg_inherits": inheritanceRows, "pg_partitioned_table": partitionedTableRows,
    "pg_attribute": attributeRows, "pg_attrdef": defaultRows, "pg_index": indexRows,
    "pg_constraint": constraintRows, "pg_depend": dependencyRows, "pg_rewrite": ruleRows, "pg_sequence": sequenceRows,
    "pg_description": descriptionRows, "pg_shdescription": sharedDescriptionRows, "pg_namespace": namespaceRows,
    "pg_database": databaseRows, "pg_authid": roleRows, "pg_roles": roleRows, "pg_user": userRows,
    "pg_shadow": userRows, "pg_type": typeRows, "pg_enum": enumRows, "pg_proc": functionRows,
    "pg_operator": operatorRows,
    "pg_opclass": operatorClassRows, "pg_opfamily": operatorFamilyRows, "pg_am": accessMethodRows,
    "pg_collation": collationRows, "pg_language": languageRows, "pg_tablespace": tablespaceRows,
    "pg_tables": tableViewRows, "pg_views": viewViewRows, "pg_indexes": indexViewRows, "pg_sequences": sequenceViewRows,
    "pg_settings": settingRows, "pg_stat_activity": activityRows, "pg_prepared_statements": preparedStatementRows,
    "pg_stat_all_tables": statisticsRows, "pg_stat_user_tables": statisticsRows, "pg_aggregate": aggregateRows,
    "pg_stat_database": databaseStatisticsRows, "pg_trigger": triggerRows,
    "pg_rules": ruleViewRows,
  ]

  static let informationSources: [String: RowSource] = [
    "information_schema_catalog_name": informationCatalogName, "schemata": informationSchemata,
    "tables": informationTables, "columns": informationColumns, "views": informationViews,
    "sequences": informationSequences, "table_constraints": informationTableConstraints,
    "key_column_usage": informationKeyColumns, "constraint_column_usage": informationConstraintColumns,
    "constraint_table_usage": informationConstraintTables, "check_constraints": informationChecks,
    "enabled_roles": informationEnabledRoles, "view_table_usage": informationViewTables,
    "view_column_usage": informationViewColumns, "table_privileges": informationTablePrivileges,
    "referential_constraints": informationReferences, "role_table_grants": informationTablePrivileges,
    "character_sets": informationCharacterSets, "triggers": informationTriggers,
  ]

}
