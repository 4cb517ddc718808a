package catalog

import (
	"slices"
	"time"
)

// Every field of the model carries two tags. json is its key in YAML, in the
// JSON Schema and in the canonical form; rule is what a single value must
// hold (see rules.go), so that loader, defaults and schema have one source.

// Catalog is one validated, immutable catalog: everything that a registry, an
// indicator, a unit or a threshold needs in order to be part of a region.
type Catalog struct {
	// Hash is the hex SHA-256 of the canonical content; it names the catalog
	// in every cell, flag and publication.
	Hash        string       `json:"-"`
	Region      Region       `json:"region,omitzero" rule:"required"`
	Registries  []Registry   `json:"registries,omitempty" rule:"required"` // sorted by Code
	Indicators  []Indicator  `json:"indicators,omitempty"`                 // sorted by ID
	Units       []Unit       `json:"units,omitempty"`                      // sorted by ID
	Feeds       []Feed       `json:"feeds,omitempty"`                      // sorted by ID
	CodeSystems []CodeSystem `json:"code_systems,omitempty"`               // sorted by ID
	People      []Person     `json:"people,omitempty"`                     // sorted by ID
	Profiles    []Profile    `json:"profiles,omitempty"`                   // sorted by ID; at least one

	index *Index
}

// Text is a text in the languages of the region: keys sv, nb, da, en. In YAML
// a plain string means en.
type Text map[string]string

// In is the text in a language; where there is none, the English one, or any
// in a fixed order.
func (t Text) In(lang string) string {
	for _, l := range []string{lang, "en", "sv", "nb", "da", "fi", "is"} {
		if s := t[l]; s != "" {
			return s
		}
	}
	return ""
}

// Region owns the deployment.
type Region struct {
	Code     string `json:"code,omitempty" rule:"required form=token"` // subject-safe: [a-z0-9_-]+
	Name     Text   `json:"name,omitempty" rule:"required"`
	TimeZone string `json:"time_zone,omitempty" rule:"required form=zone"` // IANA name; default of feeds
	// ReleaseAt is the civil time of day at which clean cells release;
	// empty: at the end of the run.
	ReleaseAt string `json:"release_at,omitempty" rule:"form=clock"`
	// DigestAt is the civil time of day from which the day's notices go out,
	// on working days; empty: 07:30.
	DigestAt string `json:"digest_at,omitempty" rule:"form=clock"`
}

// Registry is a quality registry, a clinical database or a primary-care extract.
type Registry struct {
	Code    string `json:"code,omitempty" rule:"required form=token"` // subject-safe
	Name    Text   `json:"name,omitempty" rule:"required"`
	Country string `json:"country,omitempty" rule:"required form=country"` // SE, DK, NO, FI, IS, GB ...
}

// IndicatorType is how an indicator's value is formed from its cells.
type IndicatorType string

// The indicator types of the model.
const (
	Proportion        IndicatorType = "proportion"
	Rate              IndicatorType = "rate"
	Mean              IndicatorType = "mean"
	Median            IndicatorType = "median"
	Percentile        IndicatorType = "percentile"
	Count             IndicatorType = "count"
	TimeBetween       IndicatorType = "time_between"
	StandardisedRatio IndicatorType = "standardised_ratio"
)

// Granularity is the length of a period.
type Granularity string

// The granularities, shortest first.
const (
	Day      Granularity = "day"
	Week     Granularity = "week"
	Month    Granularity = "month"
	Tertial  Granularity = "tertial"
	Quarter  Granularity = "quarter"
	HalfYear Granularity = "half_year"
	Year     Granularity = "year"
)

// Indicator is one indicator of the model (DESIGN, "The indicator model").
type Indicator struct {
	ID       string        `json:"id,omitempty" rule:"required form=token"` // subject-safe
	Registry string        `json:"registry,omitempty" rule:"required form=token"`
	Name     Text          `json:"name,omitempty" rule:"required"`
	Spec     string        `json:"spec,omitempty"` // URL or reference of the specification
	Type     IndicatorType `json:"type,omitempty" rule:"required enum=proportion,rate,mean,median,percentile,count,time_between,standardised_ratio"`
	// Subset says that the numerator counts members of the denominator, so
	// that a numerator above the denominator is a fault (check C11).
	Subset      bool    `json:"subset,omitempty"`
	Percentile  float64 `json:"percentile,omitempty" rule:"above=0 below=100"` // for Percentile: 0 < p < 100
	Class       string  `json:"class,omitempty" rule:"required enum=process,outcome,balancing,structure"`
	Direction   string  `json:"direction,omitempty" rule:"enum=up,down,none default=none"`
	Measurement string  `json:"measurement,omitempty" rule:"enum=event,cross_section,rolling default=event"`
	// RollingMonths is the window of a rolling measurement, else 0.
	RollingMonths int         `json:"rolling_months,omitempty" rule:"min=1 max=120"`
	Period        Granularity `json:"period,omitempty" rule:"enum=day,week,month,tertial,quarter,half_year,year default=month"`
	PeriodBy      string      `json:"period_by,omitempty" rule:"enum=event_date,registration_date default=event_date"`
	FollowUpDays  int         `json:"follow_up_days,omitempty" rule:"min=0 max=36525 default=0"`
	// MaturityLagDays is how long after the follow-up the data are complete.
	MaturityLagDays int     `json:"maturity_lag_days,omitempty" rule:"min=0 max=36525 default=0"`
	Missing         string  `json:"missing,omitempty" rule:"enum=exclude,not_met,separate default=exclude"`
	Multiplier      float64 `json:"multiplier,omitempty" rule:"above=0 default=1"` // display: 100 for percent, 1000 for per mille
	// Targets and References are in the unit of the value before Multiplier:
	// 0.8 for 80 %.
	Targets        []Target    `json:"targets,omitempty"` // by From
	References     []Reference `json:"references,omitempty"`
	MinDenominator int64       `json:"min_denominator,omitempty" rule:"min=0 default=0"` // display only
	DisclosureMin  int64       `json:"disclosure_min,omitempty" rule:"min=0 default=0"`  // privacy
	Coverage       string      `json:"coverage,omitempty" rule:"form=token"`
	// AtMost is an indicator whose numerator this one's cannot be above in the
	// same unit and period (check P04), SameAs one that counts the same in
	// another source (check X01), Listed one whose cells count the persons that
	// the denominator is of (check K07).
	AtMost string `json:"at_most,omitempty" rule:"form=token"`
	SameAs string `json:"same_as,omitempty" rule:"form=token"`
	Listed string `json:"listed,omitempty" rule:"form=token"`
	// Plausible bounds the value of a row, or where rows have counts only the
	// numerator (check P01). Extreme are the strata at the ends of a scale (check
	// P02). Pair is the indicator that is measured together with this one, as the
	// diastolic pressure with the systolic (check D01).
	Plausible    Bounds                 `json:"plausible,omitzero"`
	Extreme      []string               `json:"extreme,omitempty" rule:"set"`
	Pair         string                 `json:"pair,omitempty" rule:"form=token"`
	Additive     bool                   `json:"additive,omitempty"`
	RiskModel    *RiskModel             `json:"risk_model,omitempty"`
	Versions     []Version              `json:"versions,omitempty"` // by From, at least one
	Introduction Introduction           `json:"introduction,omitzero"`
	Checks       map[string]CheckParams `json:"checks,omitempty"` // by check id, overrides of the defaults
	// Phases are the parts that people made of charts, and Exclude the periods
	// that they left out of them; neither changes a cell, and no chart makes one
	// by itself.
	Phases  []Phase     `json:"phases,omitempty"`  // by From, Unit, Stratum
	Exclude []Exclusion `json:"exclude,omitempty"` // by Period, Unit, Stratum
	// Rules is the set of rules that signal on its charts; empty: anhoej, which is
	// 3 sigma and Anhøj. Sets are never united.
	Rules string `json:"rules,omitempty" rule:"enum=anhoej,western-electric,nelson,mdc"`
}

// Phase begins a new part of charts, with a centre line and limits of its own:
// the decision of a person.
type Phase struct {
	Unit    string `json:"unit,omitempty" rule:"form=unit"` // empty: of every unit
	Stratum string `json:"stratum,omitempty"`               // empty: of every stratum
	// From is the first day of its first period.
	From Date `json:"from,omitzero" rule:"required"`
	// BaselineFrom and BaselineTo are the periods that its centre line and limits
	// come from, half-open; without BaselineFrom they begin with the phase, without
	// both they are its first ones, as many as a baseline has.
	BaselineFrom Date   `json:"baseline_from,omitzero"`
	BaselineTo   Date   `json:"baseline_to,omitzero"`
	Reason       string `json:"reason,omitempty" rule:"required"`
	ApprovedBy   string `json:"approved_by,omitempty" rule:"required form=token"` // opaque, as the id of a person is
}

// Exclusion leaves one period out of centre line, limits and signals of charts;
// it is drawn all the same.
type Exclusion struct {
	Unit    string `json:"unit,omitempty" rule:"form=unit"` // empty: of every unit
	Stratum string `json:"stratum,omitempty"`               // empty: of every stratum
	Period  Date   `json:"period,omitzero" rule:"required"` // its first day
	Reason  string `json:"reason,omitempty" rule:"required"`
}

// Target is a goal that holds from a date on; it is never a limit. In YAML a
// plain number is a target without date.
type Target struct {
	Value float64 `json:"value,omitempty" rule:"required short"`
	From  Date    `json:"from,omitzero"` // zero: always
}

// Reference is a value to compare with, with its source; it is never a limit.
type Reference struct {
	Value  float64 `json:"value,omitempty" rule:"required"`
	Level  string  `json:"level,omitempty" rule:"required enum=nation,region"`
	Source string  `json:"source,omitempty" rule:"required"`
	From   Date    `json:"from,omitzero"`
}

// RiskModel names the model behind expected values.
type RiskModel struct {
	ID              string `json:"id,omitempty" rule:"required"`
	Version         string `json:"version,omitempty" rule:"required"`
	ReferencePeriod string `json:"reference_period,omitempty" rule:"required"`
}

// Version is one version of an indicator's definition. Versions that are not
// Comparable begin a new series.
type Version struct {
	ID         string `json:"id,omitempty" rule:"required form=version"`
	From       Date   `json:"from,omitzero"`
	To         Date   `json:"to,omitzero"` // half-open; zero: open
	Comparable bool   `json:"comparable,omitempty"`
}

// Introduction is the signed protocol without which an indicator is visible
// to its pilot units only.
type Introduction struct {
	Signed     Date     `json:"signed,omitzero"`
	By         string   `json:"by,omitempty"`
	PilotUnits []string `json:"pilot_units,omitempty" rule:"set form=unit"`
}

// CheckParams are thresholds of one check: a count AND a fraction, with the
// note of where they come from.
type CheckParams struct {
	Count    *float64 `json:"count,omitempty" rule:"min=0"`
	Fraction *float64 `json:"fraction,omitempty" rule:"min=0 max=1"`
	P        *float64 `json:"p,omitempty" rule:"above=0 max=1"`
	// Severity overrides the check's own; empty keeps it.
	Severity string `json:"severity,omitempty" rule:"enum=REJECT,BLOCK,HOLD,NOTE,INFO"`
	Off      bool   `json:"off,omitempty"`
	// Mode is shadow (findings are on record and ask nobody) or live.
	Mode string `json:"mode,omitempty" rule:"enum=shadow,live"`
	// From and To bound the days on which the thresholds hold; half-open.
	From Date   `json:"from,omitzero"`
	To   Date   `json:"to,omitzero"`
	Note string `json:"note,omitempty" rule:"required"`
}

// Bounds is what a number can be; an open end is not bounded.
type Bounds struct {
	Min *float64 `json:"min,omitempty"`
	Max *float64 `json:"max,omitempty"`
}

// Unit is a care unit at any level of the hierarchy.
type Unit struct {
	ID         string      `json:"id,omitempty" rule:"required form=unit"` // subject-safe is not required; never a person
	Name       Text        `json:"name,omitempty" rule:"required"`
	Kind       string      `json:"kind,omitempty" rule:"required form=token"` // hospital, health_centre, clinic, region ...
	Codes      []Code      `json:"codes,omitempty"`                           // by System, Code, From
	Parents    []Parent    `json:"parents,omitempty"`                         // by From, Unit
	From       Date        `json:"from,omitzero"`
	To         Date        `json:"to,omitzero"`
	Successors []Successor `json:"successors,omitempty"` // by From, Unit
	// Checks are thresholds for the unit's cells, by check id; they go before
	// those of the indicator and the feed.
	Checks map[string]CheckParams `json:"checks,omitempty"`
}

// Code is a unit's code in one code system while it is valid. An open bound
// is the unit's own. In YAML codes may be short, {ods: RF4}.
type Code struct {
	System string `json:"system,omitempty" rule:"required form=token"` // hsa, sor, resh, orgnr, ods, local
	Code   string `json:"code,omitempty" rule:"required form=code"`
	From   Date   `json:"from,omitzero"`
	To     Date   `json:"to,omitzero"`
}

// Parent places a unit under another while the relation is valid. An open
// bound is the unit's own. In YAML a plain string is the parent's id.
type Parent struct {
	Unit string `json:"unit,omitempty" rule:"required form=unit short"`
	From Date   `json:"from,omitzero"`
	To   Date   `json:"to,omitzero"`
}

// Successor says which unit carries on, from when and how series join.
type Successor struct {
	Unit   string `json:"unit,omitempty" rule:"required form=unit"`
	From   Date   `json:"from,omitzero" rule:"required"`
	Policy string `json:"policy,omitempty" rule:"required enum=sum,continue,break"`
	AsOf   string `json:"as_of,omitempty" rule:"enum=period,current default=period"`
}

// Feed is one nightly export: where it is, what it looks like, what it means.
type Feed struct {
	ID       string `json:"id,omitempty" rule:"required form=token"` // subject-safe
	Registry string `json:"registry,omitempty" rule:"required form=token"`
	// Files are glob patterns (path.Match) on the base name.
	Files  []string `json:"files,omitempty" rule:"required set form=glob"`
	Format string   `json:"format,omitempty" rule:"enum=delimited,fixed,ndjson,xlsx,parquet,arrow,fhir default=delimited"`
	// Compression is what is around the file: empty for nothing.
	Compression string  `json:"compression,omitempty" rule:"enum=gzip,zstd,zip"`
	Limits      Limits  `json:"limits,omitzero"`
	Dialect     Dialect `json:"dialect,omitzero"`
	// Fixed are the columns of a file of fixed width.
	Fixed    []FixedColumn `json:"fixed,omitempty"` // by From
	NDJSON   Ndjson        `json:"ndjson,omitzero"`
	XLSX     Xlsx          `json:"xlsx,omitzero"`
	FHIR     *Fhir         `json:"fhir,omitempty"`
	TimeZone string        `json:"time_zone,omitempty" rule:"form=zone"` // default: the region's
	// Delivery is snapshot or delta.
	Delivery string `json:"delivery,omitempty" rule:"required enum=snapshot,delta"`
	Scope    Scope  `json:"scope,omitzero"`
	// Order.By: acceptance, name, manifest, column. Keys are compared as
	// text, whole numbers as numbers, or with a Layout as dates.
	Order Extract `json:"order,omitzero" rule:"enum=acceptance,name,manifest,column default=acceptance"`
	// Sequence says that the order keys of a delta count its deliveries, so that
	// one that is missing keeps back the next (check L03); nil: they only order.
	Sequence *Sequence `json:"sequence,omitempty"`
	// AsOf.By: arrival, name, manifest, column.
	AsOf     Extract  `json:"as_of,omitzero" rule:"enum=arrival,name,manifest,column default=arrival"`
	Complete Complete `json:"complete,omitzero"`
	// Key names the columns of the natural key, in order; required for deltas.
	Key []string `json:"key,omitempty" rule:"unique form=column"`
	// Operation tells upserts from deletes in a delta; nil: all upserts.
	Operation *Operation `json:"operation,omitempty"`
	// Instruction is the text in the file itself that says whether it replaces
	// or adds; it goes before Delivery and Scope. nil: there is none.
	Instruction *Instruction `json:"instruction,omitempty"`
	// FromName is a regular expression on the base name of the file; its named
	// groups are columns that have the same value in every row.
	FromName string `json:"from_name,omitempty" rule:"form=pattern"`
	// Pivot joins rows that each hold one number of the same observation.
	Pivot *Pivot `json:"pivot,omitempty"`
	// Only are conditions that every row must meet to be taken.
	Only []Only `json:"only,omitempty"`
	// Translate says what texts of columns mean. In a column that is named here
	// any other text is a fault, except in those of codes (unit, indicator,
	// version), where it is a code.
	Translate []Translation `json:"translate,omitempty"`
	// Reasons are codes that say why there is no number (check C17).
	Reasons *Reasons `json:"reasons,omitempty"`
	// MissingDenominator is one where a row without denominator is one case.
	MissingDenominator string  `json:"missing_denominator,omitempty" rule:"enum=one"`
	Columns            Columns `json:"columns,omitzero" rule:"required"`
	// Measures of a wide row: each gives one observation per row. Empty for
	// a long file, in which Columns name one indicator a row.
	Measures []Measure `json:"measures,omitempty"` // by Indicator
	// Codes are columns whose values must be in a code system (check C09).
	Codes     []CodeColumn `json:"codes,omitempty"` // by Column, System
	Schedule  Schedule     `json:"schedule,omitzero"`
	Tolerance float64      `json:"tolerance,omitempty" rule:"min=0 max=1 default=0.01"` // share of a cell's rows that may be rejected
	// IgnoreColumns are known and not used; any other unmapped column is a fault (C03).
	IgnoreColumns []string `json:"ignore_columns,omitempty" rule:"set form=column"`
	// Identifiers are columns beside the subject in which identifiers of persons
	// may stand: columns of the key, or ignored ones. No text of them is shown
	// or kept.
	Identifiers []string `json:"identifiers,omitempty" rule:"set form=column"`
	// Opaque are identifiers that are no person's and may look as if they were.
	Opaque []OpaqueColumn `json:"opaque,omitempty"` // by Column
	// Identity are the thresholds of check C15 in files of this feed; nil: the
	// release's defaults.
	Identity *IdentityLimits `json:"identity,omitempty"`
	// UploadTokens are the hex SHA-256 of the tokens that hand in files of this
	// feed, and of no other, over HTTPS.
	UploadTokens []string `json:"upload_tokens,omitempty" rule:"set form=sha256"`
	// Checks are thresholds for what the feed brings, by check id; those of an
	// indicator go before them.
	Checks map[string]CheckParams `json:"checks,omitempty"`
}

// Limits bound what is read; zero values are the release's defaults.
type Limits struct {
	// Bytes is the most bytes that a file may have once it is unpacked.
	Bytes int64 `json:"bytes,omitempty" rule:"min=1"`
	// Ratio is how many times its size a file may unpack to.
	Ratio int `json:"ratio,omitempty" rule:"min=1"`
	// Row is the most bytes of text that a row may have, Field a field of it.
	Row   int `json:"row,omitempty" rule:"min=1 max=67108864"`
	Field int `json:"field,omitempty" rule:"min=1 max=67108864"`
}

// IdentityLimits are the thresholds by which a column is one of personal identity
// numbers, as package identity explains them; what is 0 is the release's default.
type IdentityLimits struct {
	MinDistinct   int     `json:"min_distinct,omitempty" rule:"min=1"`
	MinShare      float64 `json:"min_share,omitempty" rule:"min=0 max=1"`
	Alpha         float64 `json:"alpha,omitempty" rule:"min=0 max=1"`
	MinIDs        int     `json:"min_ids,omitempty" rule:"min=1"`
	AlphaChance   float64 `json:"alpha_chance,omitempty" rule:"min=0 max=1"`
	MinDated      int     `json:"min_dated,omitempty" rule:"min=1"`
	MinDatedShare float64 `json:"min_dated_share,omitempty" rule:"min=0 max=1"`
	DateChance    float64 `json:"date_chance,omitempty" rule:"min=0 max=1"`
	MinDays       int     `json:"min_days,omitempty" rule:"min=1 max=31"`
}

// OpaqueColumn exempts the texts of a column that have one of the forms from
// check C15: d is a digit, x a letter, every other sign of ASCII stands for
// itself.
type OpaqueColumn struct {
	Column string   `json:"column,omitempty" rule:"required form=column"`
	Forms  []string `json:"forms,omitempty" rule:"required set form=opaque"`
}

// FixedColumn is one column of a file of fixed width. From and Width count
// characters, From from 1.
type FixedColumn struct {
	Name  string `json:"name,omitempty" rule:"required form=column"`
	From  int    `json:"from,omitempty" rule:"required min=1 max=65536"`
	Width int    `json:"width,omitempty" rule:"required min=1 max=65536"`
}

// Ndjson is the form of a file with one JSON object a line.
type Ndjson struct {
	// Absent says what an object without a key that the feed reads means:
	// reject (empty; the row is rejected) or missing (no value).
	Absent string `json:"absent,omitempty" rule:"enum=reject,missing"`
}

// Xlsx says where the table stands in a workbook.
type Xlsx struct {
	Sheet string `json:"sheet,omitempty"` // by name; empty: the first
	// HeaderRow is the row of the header, or the first row of data in a table
	// without header; 0: 1.
	HeaderRow int `json:"header_row,omitempty" rule:"min=1 max=1000"`
}

// Fhir says how reports of FHIR R4 (MeasureReport) become rows, whose columns
// have fixed names (FhirColumns).
type Fhir struct {
	// Form is json (empty; one resource, or a Bundle of them) or ndjson (one
	// resource a line).
	Form string `json:"form,omitempty" rule:"enum=json,ndjson"`
	// Reports is the type of the reports.
	Reports string `json:"reports,omitempty" rule:"required enum=summary,individual"`
	// Unit is where the column unit is read.
	Unit FhirUnit `json:"unit,omitzero"`
	// SubjectSystem is the system of the identifier that the column subject
	// holds; empty: it holds the reference, or whatever identifier there is.
	SubjectSystem string `json:"subject_system,omitempty"`
	// Exclusions says whether the counts of numerator and denominator still hold
	// those of their exclusions and exceptions: subtract, they do; done, they do
	// not. Empty: a report that has any is rejected.
	Exclusions string `json:"exclusions,omitempty" rule:"enum=subtract,done"`
	// Stratifiers are those whose strata become rows beside the row of their
	// group, by code; others are not read.
	Stratifiers []string `json:"stratifiers,omitempty" rule:"set"`
	// Measures name the indicators; reports of others wait.
	Measures []FhirMeasure `json:"measures,omitempty" rule:"required"` // by URL, Group
}

// FhirUnit is where a report names its organisation.
type FhirUnit struct {
	// From is reporter (empty) or subject.
	From string `json:"from,omitempty" rule:"enum=reporter,subject"`
	// System is that of the identifier; empty: the id in the reference to the
	// Organization or Location, or whatever identifier there is.
	System string `json:"system,omitempty"`
}

// FhirMeasure is one group of a measure and the indicator that it counts.
type FhirMeasure struct {
	// URL is canonical, with |version for that version only.
	URL string `json:"url,omitempty" rule:"required"`
	// Group is the code, text or id of the group; empty: the report has one.
	Group     string `json:"group,omitempty"`
	Indicator string `json:"indicator,omitempty" rule:"required form=token"`
	// Version is what the column version holds; empty: that of the canonical URL.
	Version string `json:"version,omitempty" rule:"form=version"`
}

// FhirColumns are the names of the columns of a report: what it says, and the
// counts by population.
func FhirColumns() []string {
	return []string{"report", "measure", "indicator", "version", "unit", "subject", "date", "start", "end", "group", "stratifier", "stratum", "score",
		"initial-population", "numerator", "numerator-exclusion", "denominator", "denominator-exclusion", "denominator-exception",
		"measure-population", "measure-population-exclusion", "measure-observation"}
}

// Dialect is the byte-level form of delimited text. Of other formats it holds
// what their text values look like.
type Dialect struct {
	Encoding  string `json:"encoding,omitempty" rule:"enum=utf-8,utf-8-bom,iso-8859-1,windows-1252,utf-16le,utf-16be default=utf-8"`
	Delimiter string `json:"delimiter,omitempty" rule:"form=delimiter default=,"` // one character
	Quote     string `json:"quote,omitempty" rule:"form=quote default=\""`        // one character, or empty for none
	Decimal   string `json:"decimal,omitempty" rule:"form=decimal default=."`     // "." or ","
	Thousands string `json:"thousands,omitempty" rule:"form=thousands"`           // empty, or one of " ", NBSP, narrow NBSP, ".", ","
	Dates     string `json:"dates,omitempty" rule:"enum=iso,dd.mm.yyyy,dd-mm-yyyy,dd/mm/yyyy,yyyymmdd,year-month,year,quarter,week,half-year,tertial,financial-year default=iso"`
	Header    bool   `json:"header,omitempty" rule:"default=true"`
	// Names are the column names of a file without header.
	Names []string `json:"names,omitempty" rule:"unique form=column"`
	// NamelessLast allows one last column without a name and without values.
	NamelessLast bool `json:"nameless_last,omitempty"`
	// Missing are the texts that mean "no value"; the empty field always does.
	Missing []string `json:"missing,omitempty" rule:"set"`
	// Preamble is what stands before the header, or before the first row of a
	// file without header.
	Preamble Preamble `json:"preamble,omitzero"`
	// Guards takes ="…" as the text inside: so a spreadsheet is kept from
	// changing codes into numbers.
	Guards bool `json:"guards,omitempty"`
}

// Preamble is the lines before the header: a number of them, or all before the
// first line that matches.
type Preamble struct {
	Lines int    `json:"lines,omitempty" rule:"min=1 max=1000"`
	Until string `json:"until,omitempty" rule:"form=pattern"` // of the header line, as it stands in the file
}

// Instruction is a text in the file that says whether it replaces or adds. It
// stands alone in its line.
type Instruction struct {
	// At is above (the first line, before the header; a preamble may follow)
	// or below (the first line after the header).
	At    string            `json:"at,omitempty" rule:"enum=above,below default=below"`
	Texts []InstructionText `json:"texts,omitempty" rule:"required"`
	// Column holds in every row what follows the text; empty: nothing follows.
	Column string `json:"column,omitempty" rule:"form=column"`
}

// InstructionText is one instruction and what it does.
type InstructionText struct {
	Text string `json:"text,omitempty" rule:"required"`
	// Then is replace (the file is a snapshot) or append (a delta: rows are
	// added, or replace those of their key).
	Then string `json:"then,omitempty" rule:"required enum=replace,append"`
	// Scope is what a replacing file replaces: all, or file (the periods that
	// occur in it).
	Scope string `json:"scope,omitempty" rule:"enum=all,file default=all"`
	// Units are those that it replaces: every, or file (those that occur in
	// it).
	Units string `json:"units,omitempty" rule:"enum=every,file default=every"`
}

// Pivot joins rows that follow each other and agree in every column that the
// feed reads. Name says which number a row holds and Value holds it; the
// joined row has a column for each of Columns.
type Pivot struct {
	Name    string   `json:"name,omitempty" rule:"required form=column"`
	Value   string   `json:"value,omitempty" rule:"required form=column"`
	Columns []string `json:"columns,omitempty" rule:"required unique form=column"`
	Ignore  []string `json:"ignore,omitempty" rule:"set"` // names of rows that are not used
}

// Only takes rows in which the column has one of the values. Else says what
// becomes of the others: skip (they are none of this feed's) or reject.
type Only struct {
	Column string   `json:"column,omitempty" rule:"required form=column"`
	In     []string `json:"in,omitempty" rule:"required set"`
	Else   string   `json:"else,omitempty" rule:"enum=skip,reject default=skip"`
}

// Translation says what texts in columns mean; an empty Value: no value.
type Translation struct {
	Columns []string `json:"columns,omitempty" rule:"required set form=column"`
	Texts   []string `json:"texts,omitempty" rule:"required set"`
	Value   string   `json:"value,omitempty"`
}

// Reasons are codes that stand for a number that there is not: in Column, with
// the numbers left blank, or without Column in place of the numbers.
type Reasons struct {
	Column string   `json:"column,omitempty" rule:"form=column"`
	Codes  []string `json:"codes,omitempty" rule:"required set"`
	// Masked are those of Codes by which the source says that it withholds the
	// number, so that nobody is recognised; empty: MSK.
	Masked []string `json:"masked,omitempty" rule:"set"`
}

// Withheld are the codes by which the source says that it withholds a number.
func (r *Reasons) Withheld() []string {
	if len(r.Masked) > 0 {
		return r.Masked
	}
	for i, code := range r.Codes {
		if code == "MSK" {
			return r.Codes[i : i+1]
		}
	}
	return nil
}

// Scope says what a snapshot replaces. In YAML a plain string is the window.
type Scope struct {
	// Window: all (every period), file (from the first to the last period
	// that occurs in the file), months (the last Months before the as-of date,
	// the month of the as-of date included).
	Window string `json:"window,omitempty" rule:"enum=all,file,months default=file short"`
	Months int    `json:"months,omitempty" rule:"min=1 max=1200"`
}

// Extract says where a delivery's order key or as-of date is read. In YAML a
// plain string is By.
type Extract struct {
	By      string `json:"by,omitempty" rule:"required short"`
	Pattern string `json:"pattern,omitempty" rule:"form=pattern"` // regular expression with one group, for name
	Column  string `json:"column,omitempty" rule:"form=column"`   // for column: every row has the same value
	Field   string `json:"field,omitempty"`                       // for manifest
	Layout  string `json:"layout,omitempty" rule:"form=layout"`   // Go layout of the date; as_of: 2006-01-02 by default
}

// Sequence is how a feed counts its deliveries. In YAML a plain number is the
// step.
type Sequence struct {
	// Step is from one number to the next; where Order has a Layout, in days.
	Step int64 `json:"step,omitempty" rule:"required min=1 short"`
	// First is the number that the feed begins with; 0: that of the first
	// delivery that is accepted. With a Layout there is none.
	First int64 `json:"first,omitempty" rule:"min=1"`
}

// Complete says how a whole file is told from one that was cut short. In YAML
// a plain string is By.
type Complete struct {
	// By: newline (the last line must end), trailer (the last line must match
	// Pattern; its group, if any, is the number of data rows), manifest (a
	// JSON file NAME.manifest.json with sha256 and rows must be there), none.
	By      string `json:"by,omitempty" rule:"enum=newline,trailer,manifest,none default=newline short"`
	Pattern string `json:"pattern,omitempty" rule:"form=pattern"`
	// PatienceMinutes is how long the drop folder waits for the rest of a file
	// that has stopped growing before it rejects it; 0: 60.
	PatienceMinutes int `json:"patience_minutes,omitempty" rule:"min=1 max=10080"`
}

// Operation is the column that says upsert or delete.
type Operation struct {
	Column string   `json:"column,omitempty" rule:"required form=column"`
	Delete []string `json:"delete,omitempty" rule:"required set"` // values that mean delete; any other means upsert
}

// Columns map a file's columns to an observation. A value that begins with
// "=" is a constant, not a column.
type Columns struct {
	Unit       string `json:"unit,omitempty" rule:"required form=source"`
	UnitSystem string `json:"unit_system,omitempty" rule:"required form=token"` // code system of the unit column
	// UnitElse are the columns that name the unit where Unit is blank; the
	// first that is not blank does.
	UnitElse         []UnitColumn `json:"unit_else,omitempty"`
	Indicator        string       `json:"indicator,omitempty" rule:"form=source"` // long files
	IndicatorVersion string       `json:"indicator_version,omitempty" rule:"form=source"`
	EventDate        string       `json:"event_date,omitempty" rule:"required form=source"`
	// PeriodEnd is the last day of the row's period, which EventDate begins:
	// together they are one period of the indicator.
	PeriodEnd        string   `json:"period_end,omitempty" rule:"form=column"`
	RegistrationDate string   `json:"registration_date,omitempty" rule:"form=source"`
	Subject          string   `json:"subject,omitempty" rule:"form=column"`
	Strata           []string `json:"strata,omitempty" rule:"unique form=source"` // joined by "/" in this order
	Numerator        string   `json:"numerator,omitempty" rule:"form=source"`
	Denominator      string   `json:"denominator,omitempty" rule:"form=source"`
	Value            string   `json:"value,omitempty" rule:"form=source"`
	Expected         string   `json:"expected,omitempty" rule:"form=source"`
	Rate             string   `json:"rate,omitempty" rule:"form=source"` // the sender's own rate, compared by check C12
}

// UnitColumn is one more column that can name the unit.
type UnitColumn struct {
	Column string `json:"column,omitempty" rule:"required form=column"`
	System string `json:"system,omitempty" rule:"required form=token"`
	// Blank are columns with which the row would be of a unit below this one:
	// where any of them has a value, this column names no unit.
	Blank []string `json:"blank,omitempty" rule:"set form=column"`
}

// Measure is one indicator of a wide row.
type Measure struct {
	Indicator   string `json:"indicator,omitempty" rule:"required form=token"`
	Numerator   string `json:"numerator,omitempty" rule:"form=source"`
	Denominator string `json:"denominator,omitempty" rule:"form=source"`
	Value       string `json:"value,omitempty" rule:"form=source"`
	Expected    string `json:"expected,omitempty" rule:"form=source"`
	Rate        string `json:"rate,omitempty" rule:"form=source"`
	// When takes only rows in which the column has one of the values.
	When *When `json:"when,omitempty"`
}

// When is a condition on a column.
type When struct {
	Column string   `json:"column,omitempty" rule:"required form=column"`
	In     []string `json:"in,omitempty" rule:"required set"`
}

// CodeColumn binds a column to a code system.
type CodeColumn struct {
	Column string `json:"column,omitempty" rule:"required form=column"`
	System string `json:"system,omitempty" rule:"required form=token"`
}

// CodeSystem is a dated list of valid codes.
type CodeSystem struct {
	ID    string      `json:"id,omitempty" rule:"required form=token"`
	Codes []DatedCode `json:"codes,omitempty" rule:"required"` // by Code, From
}

// DatedCode is a code while it is valid. In YAML a plain string is a code
// that is always valid.
type DatedCode struct {
	Code string `json:"code,omitempty" rule:"required form=code short"`
	From Date   `json:"from,omitzero"`
	To   Date   `json:"to,omitzero"`
}

// Schedule is when an export is awaited.
type Schedule struct {
	Every string `json:"every,omitempty" rule:"enum=day,week,month"`
	By    string `json:"by,omitempty" rule:"form=clock"` // civil time of day, "06:00"
	// Roster names the units that are expected in every delivery; empty: each
	// unit that has delivered before.
	Roster []string `json:"roster,omitempty" rule:"set form=unit"`
}

// Person is somebody who acts; ID is opaque and is all that the LEDGER keeps.
type Person struct {
	ID    string `json:"id,omitempty" rule:"required form=token"`
	Name  string `json:"name,omitempty" rule:"required"`
	Email string `json:"email,omitempty" rule:"form=email"`
	// Language of what is written to the person; empty: that of the region's
	// first registry.
	Language string `json:"language,omitempty" rule:"enum=sv,nb,da,en"`
	Roles    []Role `json:"roles,omitempty" rule:"required"` // by Role
	// TokenSHA256 is the hex SHA-256 of the person's token.
	TokenSHA256 string `json:"token_sha256,omitempty" rule:"form=sha256"`
}

// Role is a role within a part of the organisation. In YAML a plain string is
// a role without limits.
type Role struct {
	Role string `json:"role,omitempty" rule:"required enum=viewer,super_user,region_steward,national_steward,auditor,source_operator,administrator short"`
	// Units limits the role to these units and what is below them; empty: all.
	Units      []string `json:"units,omitempty" rule:"set form=unit"`
	Registries []string `json:"registries,omitempty" rule:"set form=token"`
}

// Profile is an audience with its disclosure rule. internal is the organisation
// itself and has exact numbers; every other one is a wider audience, with a
// released store of its own and monthly editions.
type Profile struct {
	ID   string `json:"id,omitempty" rule:"required form=version"`
	Rule string `json:"rule,omitempty" rule:"required enum=internal,SE,ROUND5"`
	// EditionDay is the day of the month from which a new edition is due; 0: 1.
	EditionDay int `json:"edition_day,omitempty" rule:"min=1 max=28"`
	// Indicators are what the audience sees; none: all.
	Indicators []string `json:"indicators,omitempty" rule:"set form=token"`
	// Lenient shows, with the rule SE, proportions of few persons among 15 or
	// more, to the nearest 5 % below 200.
	Lenient bool `json:"lenient,omitempty"`
	// Note says who the audience is, and where the rule and its parameters come
	// from.
	Note string `json:"note,omitempty"`
}

// Wider reports whether the audience is another than the organisation itself.
func (p *Profile) Wider() bool { return p.Rule != "internal" }

// Edition is the newest day, up to d, on which an edition was due.
func (p *Profile) Edition(d Date) Date {
	day := Month.PeriodStart(d).AddDays(max(p.EditionDay, 1) - 1)
	if d.Before(day) {
		day = Month.PeriodStart(Month.PeriodStart(d).AddDays(-1)).AddDays(max(p.EditionDay, 1) - 1)
	}
	return day
}

// Sees reports whether the audience sees an indicator.
func (p *Profile) Sees(indicator string) bool {
	return len(p.Indicators) == 0 || slices.Contains(p.Indicators, indicator)
}

// Date is a civil date without zone; the zero value means "not given".
type Date struct{ t time.Time }
