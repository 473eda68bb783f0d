// SCRAM-SHA-256 against RFC 7677's example, and against messages that no honest side sends.

import Testing

@testable import Credentials

/// RFC 7677, section 3: user "user", password "pencil".
private enum Example {
  static let clientFirst = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
  static let serverNonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
  static let serverFirst =
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
  static let clientFinal =
    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
  static let serverFinal = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
  static let salt = Base64.decode("W22ZaJ0SNY7soEsUEjb6gQ==") ?? []
  static let verifier = SCRAMVerifier(password: Array("pencil".utf8), salt: salt)

  static func server(_ verifier: SCRAMVerifier = verifier, isGenuine: Bool = true, binding: [UInt8]? = nil)
    -> SCRAMServer
  {
    SCRAMServer(verifier: verifier, isGenuine: isGenuine, serverNonce: serverNonce, channelBinding: binding)
  }
}

@Suite struct SCRAMTests {
  @Test func serverSpeaksTheExample() throws {
    var server = Example.server()
    #expect(
      try server.receive(first: Array(Example.clientFirst.utf8), mechanism: .plain) == .challenge(Example.serverFirst))
    #expect(try server.receive(final: Array(Example.clientFinal.utf8)) == .accepted(Example.serverFinal))
  }

  @Test func clientSpeaksTheExample() throws {
    var client = SCRAMClient(password: Array("pencil".utf8), name: "user", nonce: "rOprNGfwEbeRWgbNEkqO")
    #expect(client.first == Example.clientFirst)
    #expect(try client.answer(Example.serverFirst) == Example.clientFinal)
    try client.finish(Example.serverFinal)
    #expect(throws: SCRAMFailure.mismatch("incorrect server signature", detail: nil)) {
      try client.finish("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G5=")
    }
  }

  /// RFC 5802's keys are checked through the example; the text is what PostgreSQL 15 stored for `PASSWORD 'pencil'`.
  @Test func verifiersOfPostgresAreUnderstood() throws {
    let text =
      "SCRAM-SHA-256$4096:aPZb6re2R7il19MHNwy0qw==$AltF8itaq+qK5t7bgoWeuw3zjRNYHbc4Qx/kf5nUrrw=:sJjHmVUchGilQrP54mmvQ4ZgAPKV/Q9sl7UF+ClkS7k="
    let verifier = try #require(SCRAMVerifier(text))
    #expect(verifier.description == text)
    #expect(verifier.matches(password: Array("pencil".utf8)))
    #expect(!verifier.matches(password: Array("Pencil".utf8)))
    #expect(verifier == SCRAMVerifier(password: Array("pencil".utf8), salt: verifier.salt))
  }

  @Test(arguments: [
    "", "pencil", "SCRAM-SHA-256$4096:AA==$AA==:AA==", "SCRAM-SHA-256$0:AAAA$", "SCRAM-SHA-1$4096:QQ==$QQ==:QQ==",
    "SCRAM-SHA-256$-1:QQ==$QQ==:QQ==", "SCRAM-SHA-256$+9:QQ==$QQ==:QQ==", "SCRAM-SHA-256$99999999999:QQ==$QQ==:QQ==",
    "md5a7b7e8c5f0d0d7a0d0e0f0a0b0c0d0e0f",
  ])
  func otherTextsAreNoVerifiers(_ text: String) { #expect(SCRAMVerifier(text) == nil) }

  private func finish(_ server: inout SCRAMServer, password: String, flag: String = "n,,") throws -> SCRAMServer.Step {
    var client = SCRAMClient(password: Array(password.utf8), nonce: "abc")
    guard case .challenge(let text) = try server.receive(first: Array(client.first.utf8), mechanism: .plain) else {
      throw SCRAMFailure.malformed("no challenge")
    }
    return try server.receive(final: Array(try client.answer(text).utf8))
  }

  @Test func aWrongPasswordIsRefused() {
    var server = Example.server()
    #expect(throws: SCRAMFailure.refusal) { try finish(&server, password: "pen") }
    // An exchange that has ended stays so.
    #expect(throws: SCRAMFailure.self) { try server.receive(final: Array(Example.clientFinal.utf8)) }
    #expect(throws: SCRAMFailure.self) {
      try server.receive(first: Array(Example.clientFirst.utf8), mechanism: .plain)
    }
  }

  @Test func aMockRefusesEveryPasswordAndKeepsItsSalt() {
    let secret: [UInt8] = Array(0..<32)
    let mock = SCRAMVerifier.mock(user: "nobody", secret: secret)
    #expect(mock == SCRAMVerifier.mock(user: "nobody", secret: secret))
    #expect(mock.salt != SCRAMVerifier.mock(user: "nobodz", secret: secret).salt)
    #expect(mock.salt.count == 16 && mock.iterations == 4096)
    var server = Example.server(mock, isGenuine: false)
    #expect(throws: SCRAMFailure.refusal) { try finish(&server, password: "") }
    // Even the right password of a verifier that is not to be used.
    server = Example.server(isGenuine: false)
    #expect(throws: SCRAMFailure.refusal) { try finish(&server, password: "pencil") }
  }

  @Test func channelBindingIsChecked() throws {
    let binding = [UInt8](repeating: 7, count: 32)
    func exchange(bound: [UInt8], flag: String = "p=tls-server-end-point,,") throws -> SCRAMServer.Step {
      var server = Example.server(binding: binding)
      let bare = "n=,r=abc"
      guard
        case .challenge(let challenge) = try server.receive(first: Array((flag + bare).utf8), mechanism: .bound)
      else { throw SCRAMFailure.malformed("no challenge") }
      let keys = SCRAMKeys(password: Array("pencil".utf8), salt: Example.salt, iterations: 4096)
      let nonce = "abc" + Example.serverNonce
      let withoutProof = "c=\(Base64.encode(Array(flag.utf8) + bound)),r=\(nonce)"
      let signature = SCRAMKeys.authenticate(Array("\(bare),\(challenge),\(withoutProof)".utf8), key: keys.storedKey)
      let proof = Base64.encode(SCRAMKeys.exclusiveOr(keys.clientKey, signature))
      return try server.receive(final: Array("\(withoutProof),p=\(proof)".utf8))
    }
    guard case .accepted = try exchange(bound: binding) else {
      Issue.record("not accepted")
      return
    }
    #expect(throws: SCRAMFailure.mismatch("SCRAM channel binding check failed", detail: nil)) {
      try exchange(bound: [UInt8](repeating: 8, count: 32))
    }
    #expect(throws: SCRAMFailure.unsupported("unsupported SCRAM channel-binding type \"tls-unique\"")) {
      try exchange(bound: binding, flag: "p=tls-unique,,")
    }
    // Somebody removed the better mechanism from the server's list.
    var server = Example.server(binding: binding)
    #expect(throws: SCRAMFailure.self) {
      try server.receive(first: Array("y,,n=,r=abc".utf8), mechanism: .plain)
    }
    #expect(SCRAMServer.mechanisms(channelBinding: binding) == [.bound, .plain])
    #expect(SCRAMServer.mechanisms(channelBinding: nil) == [.plain])
  }

  /// Every byte of both messages changed, removed or doubled: an error or a refusal, never a login, never a crash.
  @Test func mutatedMessagesNeverLogIn() {
    // The name is not what the login goes by, but it is signed; 4 is where it begins.
    let first = Array(Example.clientFirst.utf8)
    let final = Array(Example.clientFinal.utf8)
    var seed: UInt64 = 42
    func random(_ limit: Int) -> Int {
      seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(seed >> 33) % limit
    }
    func mutations(_ message: [UInt8]) -> [[UInt8]] {
      var all: [[UInt8]] = [[], [0], Array(repeating: UInt8(ascii: ","), count: 20), [0xFF, 0xFE]]
      for place in message.indices {
        for value in [0, UInt8(ascii: ","), UInt8(ascii: "="), 0x80, 0xCC, UInt8(random(256))]
        where value != message[place] {
          var changed = message
          changed[place] = value
          all.append(changed)
        }
        all.append(Array(message[..<place]))
        all.append(Array(message[..<place] + message[(place + 1)...]))
        all.append(message + message[place...])
      }
      return all
    }
    var logins = 0
    func attempt(_ first: [UInt8], _ final: [UInt8]) {
      var server = Example.server()
      do {
        _ = try server.receive(first: first, mechanism: .plain)
        if case .accepted = try server.receive(final: final) { logins += 1 }
      } catch {}
      server = Example.server(binding: [1, 2, 3])
      do {
        _ = try server.receive(first: first, mechanism: .bound)
        if case .accepted = try server.receive(final: final) { logins += 1 }
      } catch {}
    }
    for mutated in mutations(first) { attempt(mutated, final) }
    for mutated in mutations(final) { attempt(first, mutated) }
    #expect(logins == 0)
    var client = SCRAMClient(password: Array("pencil".utf8), name: "user", nonce: "rOprNGfwEbeRWgbNEkqO")
    for mutated in mutations(Array("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=".utf8)) {
      #expect(throws: SCRAMFailure.self) { try client.finish(String(decoding: mutated, as: UTF8.self)) }
    }
    for text in ["", "r=", "r=x,s=,i=", "r=rOprNGfwEbeRWgbNEkqO,s=QQ==,i=1", "r=rOprNGfwEbeRWgbNEkqOx,s=QQ==,i=0"] {
      #expect(throws: SCRAMFailure.self) { _ = try client.answer(text) }
    }
  }

  /// RFC 4648, section 10.
  @Test func base64() {
    for (plain, text) in [
      ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
      ("foobar", "Zm9vYmFy"),
    ] {
      #expect(Base64.encode(Array(plain.utf8)) == text)
      #expect(Base64.decode(text) == Array(plain.utf8))
    }
    for text in ["Z", "Zg", "Zg=", "Zh==", "Zm9=", "====", "Z===", "Zm 8", "Zg==Zg==", "Zm9v\u{e9}AA"] {
      #expect(Base64.decode(text) == nil, "\(text)")
    }
  }

  @Test func secretsDiffer() {
    let source = SecretSource(key: [1, 2, 3])
    #expect(source.nonce() != source.nonce())
    #expect(source.nonce().utf8.count == 24 && isPrintable(nonce: source.nonce()))
    #expect(source.bytes(100).count == 100)
    #expect(source.derived("a") == SecretSource(key: [1, 2, 3]).derived("a"))
    #expect(source.derived("a") != source.derived("b"))
  }
}
