// Dates, timestamps, intervals.

enum DateTimeTypes {
  static let infos: [TypeInfo] = []
}
