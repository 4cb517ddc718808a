// Package simulate owns a synthetic region: its catalog, the exports that its
// senders write night after night, the mistakes that they make, and the truth
// about all of it, from which a reader can tell what the checks should have
// found.
//
// It is pure: options and a seed in, files through a Sink out. It reads no
// clock, no file and no environment, and the same options give the same bytes.
//
// It refuses to own what is done with the files (packages intake and run), which
// checks exist (package quality) and where the files lie (the caller's Sink). It
// does not know the thresholds of any check: the sizes of its faults are
// distributions of Options, and whether a fault is large enough to be found is
// for the checks to show.
//
// # The region
//
// Havsmark is invented, and so are its places, codes and people. It lies where
// four countries meet, so that one catalog shows four kinds of codes and five
// senders with habits of their own:
//
//	pvk     SE  aggregated by month, long; Windows-1252, ";", decimal comma,
//	            dd.mm.yyyy, a trailer with the number of rows; the last months anew
//	infekt  SE  case by case, wide; plain UTF-8, ",", timestamps; the last months anew
//	hofte   DK  case by case, wide; UTF-8 with BOM, a manifest; a delta with deletes
//	slag    NO  case by case, wide; UTF-8 with BOM, a nameless last column,
//	            dd.mm.yyyy, late registration; the whole registry anew
//	akut    FI  aggregated by day, wide; plain UTF-8, ISO dates; the whole series anew
//
// # How a value comes about
//
// The volume of a unit is its size (lognormal between units) times growth,
// season and weekday; records are Poisson counts around it with a gamma factor
// for each unit and period, so that counts are negative binomial. A share has a
// logit that adds up the indicator's level, the unit's effect (normal), the
// season, a trend, an effect of unit and period (normal: overdispersion) and a
// real change where there is one. Each record is registered some days after its
// event (exponential), and only registered records are in a night's export;
// outcomes with follow-up are known when it has passed.
//
// # Randomness
//
// Every draw comes from a PCG stream that is named by what it is for: the seed,
// the purpose, the indicator, the unit, the period. An additional indicator or
// night leaves all other numbers as they were.
package simulate
