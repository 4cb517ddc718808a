// Package identity recognises the personal identity numbers of the Nordic
// countries in text, and judges what those it found in a column mean: check
// C15.
//
// It owns the rules of the numbers, where in a text a number may stand, and
// the judgement of a column. It refuses to own what follows from a judgement
// (package intake rejects the row or the file and tells the operator), which
// columns are looked at, and subject columns, which are pseudonymised before
// anything else sees them. It is pure: no I/O, no clock, no logger.
//
// # What never happens
//
// A value is never returned, formatted or kept: a Hit has a kind and two
// positions, a Verdict has counts, and a Column, whose sketch holds hashes of
// numbers while a file is read, prints as its name alone. Mask shows the form
// of a value.
//
// # The numbers
//
//   - Sweden, ten or twelve digits: personnummer (folkbokföringslagen
//     1991:481, 18 §; Skatteverket, SKV 704): date, birth number from 001,
//     check digit by Luhn's rule; "+" instead of "-" from the year in which a
//     person becomes 100. Samordningsnummer (lag 2022:1697; SKV 707): the day
//     plus 60. Skatteverket's test numbers have the form of real ones and are
//     found as such.
//   - Norway, eleven digits: fødselsnummer (folkeregisterforskriften
//     2017-07-14-1201, § 2-2): date, individual number whose series tells the
//     century, two check digits modulo 11. D-number: the day plus 40 (the
//     same). H-number: the month plus 40, and FH-number: first digit 8 or 9
//     and no date (KITH/Direktoratet for e-helse, HIS 1001:2010). Numbers of
//     synthetic persons: the month plus 80 (Skatteetaten, Tenor), plus 65
//     (Norsk helsenett, SyntPop), plus 40 (NAV, Dolly; without a day plus 40
//     it cannot be told from an H-number). From 2032 (Skatteetaten, "Nytt
//     fødselsnummer fra 2032") the series say nothing more and the first check
//     digit may leave the remainders 0 to 3; that holds here when the as-of
//     date has reached 2032.
//   - Denmark, ten digits: personnummer (CPR-loven § 3; CPR-kontoret,
//     "Personnummeret i CPR-systemet"): date, the century from the
//     seventh digit and the year. Numbers that fail the modulus 11 are given
//     since 1 October 2007, so that the date alone makes a hit; the modulus is
//     counted as evidence for a column. Substitute numbers (day plus 60, or
//     letters) are each system's own and are not looked for.
//   - Finland: henkilötunnus (valtioneuvoston asetus 128/2010, § 2, with
//     the signs in force since 1 January 2023; Digi- ja väestötietovirasto,
//     "Henkilötunnuksen välimerkkiuudistus"): date, sign of the
//     century (+; - U V W X Y; A B C D E F), individual number from 002, check
//     character modulo 31. Individual numbers from 900 are for temporary use
//     and for tests.
//   - Iceland, ten digits: kennitala (Þjóðskrá, "Um kennitölur"): date, serial
//     from 20, check digit modulo 11, century 8, 9 or 0. Those of companies
//     (day plus 40) are not looked for. C15 does not name Iceland; a Nordic
//     registry meets it, and Params.Countries leaves it out.
//
// Numbers of test persons are identity numbers to every purpose here: where
// they stand in an undeclared column, real ones will. Hit.Test and
// Verdict.Test only say so where the number itself tells.
//
// # Where a number may stand
//
// As digits in one run (10, 11 or 12), as date and rest with a hyphen, a plus
// sign or a space between them, or with the parts of the date apart (Swedish
// and Norwegian numbers, and Icelandic with a hyphen; Danish ones not, since
// every date with a time after it would be one). Digits may be of any script
// (full-width ones, for example), hyphens and spaces any that Unicode has;
// characters of no width are as if they were not there.
//
// A number does not touch a letter or another digit, does not follow a plus
// sign (telephones), and is not joined by one of . , - / (and : to its right)
// to a run of one to five digits: so not inside order numbers, EAN, SOR codes,
// HSA-ids, OIDs, decimals, times. What this gives up: a number glued to a
// word, one as the last arc of an OID, and one whose leading zero a
// spreadsheet has eaten.
//
// # Chance
//
// Of random strings of ten digits 3.65 % are a date and so a Danish number,
// 0.73 % a Swedish one; of random strings of twelve digits that begin with a
// date 10 %: a column of time stamps is full of Swedish numbers. So a hit in
// a column of identifiers says little, and Column asks more; see Verdict.
package identity
