// swift-tools-version:6.2
// One target per room, in the order of Docs/Architecture.md: a target imports only targets above it.
// MERIDIAN_ROOMS="SQLTypes Storage" builds only those rooms, what they need, and their tests.

import PackageDescription

let settings: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
  .enableExperimentalFeature("Lifetimes"),
  .treatAllWarnings(as: .error),
  .unsafeFlags(
    ["-cross-module-optimization", "-enforce-exclusivity=unchecked"], .when(configuration: .release)),
]

/// A third-party product: where it comes from and from which version on.
struct Library {
  var product: String
  var package: String
  var url: String
  var version: Version

  init(_ product: String, _ repository: String, _ version: Version) {
    self.product = product
    self.package = String(repository.split(separator: "/")[1])
    self.url = "https://github.com/\(repository)"
    self.version = version
  }
}

let libraries: [Library] = [
  Library("NIOCore", "apple/swift-nio", "2.101.2"),
  Library("NIOPosix", "apple/swift-nio", "2.101.2"),
  Library("NIOHTTP1", "apple/swift-nio", "2.101.2"),
  Library("NIOTLS", "apple/swift-nio", "2.101.2"),
  Library("NIOSSL", "apple/swift-nio-ssl", "2.37.6"),
  Library("Crypto", "apple/swift-crypto", "4.5.2"),
  Library("X509", "apple/swift-certificates", "1.21.1"),
  Library("SwiftASN1", "apple/swift-asn1", "1.7.4"),
  Library("Logging", "apple/swift-log", "1.16.2"),
  Library("BigInt", "attaswift/BigInt", "6.0.1"),
  Library("DequeModule", "apple/swift-collections", "1.6.0"),
  Library("SwiftProtobuf", "apple/swift-protobuf", "1.39.0"),
  Library("ArgumentParser", "apple/swift-argument-parser", "1.8.2"),
]

/// A room: its name and what it uses, rooms and libraries alike.
struct Room {
  var name: String
  var uses: [String]
  var isExecutable = false

  init(_ name: String, uses: [String], isExecutable: Bool = false) {
    self.name = name
    self.uses = uses
    self.isExecutable = isExecutable
  }
}

let systemLibraries: [String: Target] = [
  // The archive, named in the module map: linked statically RocksDB finds its thread-local counters without a call each.
  "CRocksDB": .systemLibrary(name: "CRocksDB", providers: [.apt(["librocksdb-dev"])]),
  "CEdit": .systemLibrary(name: "CEdit", pkgConfig: "libedit", providers: [.apt(["libedit-dev"])]),
  "CPCRE2": .systemLibrary(
    name: "CPCRE2", pkgConfig: "libpcre2-8", providers: [.apt(["libpcre2-dev"])]),
  // Not of the system, but in C as well: sets hooks of the concurrency runtime that Swift has no name for.
  "CConcurrencyTrap": .target(name: "CConcurrencyTrap"),
  // And the processor's checksum instruction, which Swift has no name for either.
  "CChecksum": .target(name: "CChecksum"),
  // And what the kernel says of its clock.
  "CKernelClock": .target(name: "CKernelClock"),
]

let rooms: [Room] = [
  // Foundations
  Room("Reactors", uses: ["CConcurrencyTrap", "CKernelClock", "NIOCore", "NIOPosix", "DequeModule"]),
  Room("Clocks", uses: []),
  Room("Encoding", uses: ["CChecksum"]),
  Room("Credentials", uses: ["Crypto"]),
  Room("Certificates", uses: ["Crypto", "X509", "SwiftASN1"]),
  // Local state
  Room("Storage", uses: ["CRocksDB", "Clocks", "Encoding"]),
  // Consensus
  Room("Raft", uses: ["Encoding"]),
  // Distribution
  Room(
    "Transport",
    uses: [
      "Reactors", "NIOCore", "NIOPosix", "NIOSSL", "SwiftProtobuf", "DequeModule", "Logging",
    ]),
  Room("Ranges", uses: ["Reactors", "Clocks", "Encoding", "Storage", "Raft", "Transport", "Logging", "DequeModule"]),
  Room("Placement", uses: ["Reactors", "Transport", "Ranges", "Logging"]),
  Room("Transactions", uses: ["Reactors", "Clocks", "Encoding", "Storage", "Transport", "Ranges", "Logging"]),
  // SQL
  Room("SQLTypes", uses: ["Encoding", "BigInt"]),
  Room("Expressions", uses: ["Encoding", "SQLTypes", "CPCRE2"]),
  Room("SQLSyntax", uses: ["SQLTypes"]),
  Room("Catalog", uses: ["Encoding", "SQLTypes", "Expressions", "SQLSyntax", "Transactions", "Clocks"]),
  Room("Planning", uses: ["Encoding", "SQLTypes", "Expressions", "SQLSyntax", "Catalog"]),
  Room(
    "Execution",
    uses: ["Encoding", "Clocks", "SQLTypes", "Expressions", "Catalog", "Planning", "Transactions"]),
  Room(
    "Sessions",
    uses: [
      "Reactors", "Clocks", "Encoding", "Credentials", "SQLTypes", "Expressions", "SQLSyntax", "Catalog",
      "Planning", "Execution", "Transactions", "Logging",
    ]),
  // Surface
  Room(
    "PGWire",
    uses: [
      "Reactors", "Credentials", "SQLTypes", "Sessions", "NIOCore", "NIOPosix", "NIOSSL", "DequeModule", "Logging",
    ]),
  Room("Admin", uses: ["Reactors", "NIOCore", "NIOPosix", "NIOHTTP1", "NIOSSL", "Logging"]),
  Room(
    "Server",
    uses: [
      "Reactors", "Clocks", "Encoding", "Credentials", "Certificates", "Storage", "Transport", "Ranges", "Placement",
      "Transactions", "SQLTypes", "Catalog", "Sessions", "PGWire", "Admin", "NIOCore", "NIOPosix", "NIOSSL", "Logging",
    ]),
  Room("Checkers", uses: ["Reactors"]),
  Room("Shell", uses: ["CEdit", "Credentials", "NIOCore", "NIOPosix", "NIOTLS", "NIOSSL"]),
  Room("LogicTest", uses: ["Server", "Shell"]),
  Room("Workloads", uses: ["Reactors", "Checkers", "Shell"]),
  Room(
    "Simulation",
    uses: [
      "Reactors", "Clocks", "Encoding", "Storage", "Raft", "Transport", "Ranges", "Placement", "Transactions",
      "SQLTypes",
      "Catalog", "Planning",
      "Execution", "Sessions", "Checkers", "Logging", "ArgumentParser",
    ]),
  Room(
    "meridian",
    uses: [
      "SQLTypes", "SQLSyntax", "Transport", "Server", "Sessions", "Shell", "LogicTest", "Certificates", "Simulation",
      "Checkers", "Workloads", "Logging", "ArgumentParser",
    ],
    isExecutable: true),
  // `meridian simulate` alone, which builds without the surface: MERIDIAN_ROOMS=simulate.
  Room("simulate", uses: ["Simulation", "ArgumentParser"], isExecutable: true),
]

let wanted: Set<String> = {
  let named = (Context.environment["MERIDIAN_ROOMS"] ?? "").split(separator: " ").map(String.init)
  guard !named.isEmpty else { return Set(rooms.map(\.name)) }
  var found: Set<String> = []
  var open = named
  while let name = open.popLast() {
    guard found.insert(name).inserted, let room = rooms.first(where: { $0.name == name }) else { continue }
    open += room.uses
  }
  return found
}()

let tested: Set<String> = {
  let named = (Context.environment["MERIDIAN_ROOMS"] ?? "").split(separator: " ").map(String.init)
  return named.isEmpty ? Set(rooms.map(\.name)) : Set(named)
}()

func dependency(_ name: String) -> Target.Dependency {
  if let library = libraries.first(where: { $0.product == name }) {
    return .product(name: library.product, package: library.package)
  }
  return .target(name: name)
}

let inBuild = rooms.filter { wanted.contains($0.name) }
let used = Set(inBuild.flatMap(\.uses))

var targets: [Target] = systemLibraries.keys.sorted().filter(used.contains).map { systemLibraries[$0]! }
targets += inBuild.map { room in
  let dependencies = room.uses.map(dependency)
  return room.isExecutable
    ? .executableTarget(name: room.name, dependencies: dependencies, swiftSettings: settings)
    : .target(name: room.name, dependencies: dependencies, swiftSettings: settings)
}
// The tests of a room see the room and everything that it uses.
targets += inBuild.filter { !$0.isExecutable && tested.contains($0.name) }.map { room in
  .testTarget(
    name: "\(room.name)Tests",
    dependencies: [.target(name: room.name)] + room.uses.filter { systemLibraries[$0] == nil }.map(dependency),
    exclude: [],
    swiftSettings: settings)
}
targets.append(.testTarget(name: "TidyTests", swiftSettings: settings))

var packages: [String: Package.Dependency] = [:]
for library in libraries where used.contains(library.product) {
  packages[library.url] = .package(url: library.url, from: library.version)
}

let package = Package(
  name: "meridian",
  products: wanted.contains("meridian") ? [.executable(name: "meridian", targets: ["meridian"])] : [],
  dependencies: packages.keys.sorted().map { packages[$0]! },
  targets: targets
)
