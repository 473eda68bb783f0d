// Which relation's rows come from where.

extension SystemRelations {
  static let catalogSources: [String: RowSource] = [:]
  static let informationSources: [String: RowSource] = [:]
}
