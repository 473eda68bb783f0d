// Trigonometry in degrees, exact where the answer is: each function is scaled so that its value at 30, 45 or 60 degrees comes out
// without error. Source: PostgreSQL manual, 9.3, table of trigonometric functions.

import Glibc

enum DegreeTrigonometry {
  private static let perDegree = Double.pi / 180
  private static let sine30 = Glibc.sin(30 * perDegree)
  private static let oneMinusCosine60 = 1 - Glibc.cos(60 * perDegree)
  private static let tangent45 = sineFirst(45) / cosineFirst(45)
  private static let cotangent45 = cosineFirst(45) / sineFirst(45)
  private static let arcSineHalf = Glibc.asin(0.5)
  private static let arcCosineHalf = Glibc.acos(0.5)

  private static func sineTo30(_ x: Double) -> Double { Glibc.sin(x * perDegree) / sine30 / 2 }
  private static func cosineTo60(_ x: Double) -> Double { 1 - (1 - Glibc.cos(x * perDegree)) / oneMinusCosine60 / 2 }
  /// Of 0 to 90 degrees.
  private static func sineFirst(_ x: Double) -> Double { x <= 30 ? sineTo30(x) : cosineTo60(90 - x) }
  private static func cosineFirst(_ x: Double) -> Double { x <= 60 ? cosineTo60(x) : sineTo30(90 - x) }

  static func sine(_ x: Double) -> Double {
    var (x, sign) = (Glibc.fmod(x, 360), 1.0)
    if x < 0 { (x, sign) = (-x, -sign) }
    if x > 180 { (x, sign) = (360 - x, -sign) }
    if x > 90 { x = 180 - x }
    return sign * sineFirst(x)
  }

  static func cosine(_ x: Double) -> Double {
    var (x, sign) = (Glibc.fmod(x, 360).magnitude, 1.0)
    if x > 180 { x = 360 - x }
    if x > 90 { (x, sign) = (180 - x, -sign) }
    return sign * cosineFirst(x)
  }

  /// The angle brought to 0...90, and the sign that the tangent gets by it.
  private static func reduced(_ x: Double) -> (Double, Double) {
    var (x, sign) = (Glibc.fmod(x, 360), 1.0)
    if x < 0 { (x, sign) = (-x, -sign) }
    if x > 180 { (x, sign) = (360 - x, -sign) }
    if x > 90 { (x, sign) = (180 - x, -sign) }
    return (x, sign)
  }

  static func tangent(_ x: Double) -> Double {
    let (x, sign) = reduced(x)
    let result = sign * (sineFirst(x) / cosineFirst(x) / tangent45)
    return result == 0 ? 0 : result
  }

  static func cotangent(_ x: Double) -> Double {
    let (x, sign) = reduced(x)
    let result = sign * (cosineFirst(x) / sineFirst(x) / cotangent45)
    return result == 0 ? 0 : result
  }

  private static func arcSineFirst(_ x: Double) -> Double {
    x <= 0.5 ? Glibc.asin(x) / arcSineHalf * 30 : 90 - Glibc.acos(x) / arcCosineHalf * 60
  }

  private static func arcCosineFirst(_ x: Double) -> Double {
    x <= 0.5 ? 90 - Glibc.asin(x) / arcSineHalf * 30 : Glibc.acos(x) / arcCosineHalf * 60
  }

  static func arcSine(_ x: Double) -> Double { x >= 0 ? arcSineFirst(x) : -arcSineFirst(-x) }
  static func arcCosine(_ x: Double) -> Double { x >= 0 ? arcCosineFirst(x) : 90 + arcSineFirst(-x) }
}
