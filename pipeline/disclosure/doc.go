// Package disclosure owns what an audience may see of the released cells of an
// indicator: it withholds small numbers of persons, withholds what would give
// them away, and rounds the rest.
//
// The rules are those of CHECKS, section 3: internal (exact), SE (of
// Registercentrum VG for Vården i siffror, in its strict mode) and ROUND5 (of
// NHS Digital since 2018), held to persons with and without the outcome.
//
// What holds of every edition of SE and ROUND5, even for a reader who knew each
// number that is shown exactly:
//
//   - In every sum of the hierarchy of units and of strata at least two parts
//     are withheld where one is, and together they hold enough persons with and
//     without the outcome that none of them is bounded to fewer than 5 (SE) or 7
//     (ROUND5) possible numbers.
//   - What is withheld once stays withheld, also when it grows or goes away; and
//     in a period in which anything is withheld no number that was shown is
//     replaced by another: it is withheld too when its cell changes. So two
//     editions cannot be subtracted from each other. That it costs little, only
//     mature periods are shown, and editions are monthly.
//   - Counts are rounded with a secret offset for each unit, period and stratum:
//     an equal count gives an equal number in every edition and indicator, and
//     when a rounded count moves, that does not tell the count.
//   - Between two editions nothing enters; what somebody takes back goes (Without),
//     and leaves all else as it was. A number that was shown tells no more of the
//     others when it is gone.
//
// The internal profile is exact. Who may see a unit unsuppressed is decided where
// people log in: a super-user reads the pages of their own units there and of no
// others, which is less than these with small numbers withheld (package portal,
// Scope, and gate.ReadsCell).
//
// It refuses to own which cells are released (package gate), how they are drawn
// (package publication), when editions are made and where they are kept (service
// aggregator). It knows one indicator at a time: that two indicators differ by a
// few persons is for those who choose what a wide audience sees. It is pure; equal
// input gives equal editions.
package disclosure
