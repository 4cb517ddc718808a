package block

import (
	"slices"

	"github.com/apache/arrow/go/v15/arrow"
)

// Limits of a block.
const (
	// MaxRows bounds the rows of a block: large enough that the store's cost per
	// insert disappears, small enough that a block is read in one piece.
	MaxRows = 64_000
	// MaxMessage is the payload limit of the log's server, headers included.
	MaxMessage = 1 << 20
	// MaxBytes bounds the bytes of a block that the Splitter makes; the rest of
	// MaxMessage is room for headers.
	MaxBytes = MaxMessage - 8<<10
)

// Column is one column of a block: its name, its type in ClickHouse and its
// type in the block.
type Column struct {
	Name       string `json:"name"`
	ClickHouse string `json:"clickhouse"`
	Arrow      string `json:"arrow"`
}

// Schema is the columns of one kind of block, in the order of the block.
type Schema struct {
	Table   string   `json:"table"`
	Columns []Column `json:"columns"`
}

// Names are the column names in order, for INSERT INTO t (…).
func (s Schema) Names() []string {
	names := make([]string, len(s.Columns))
	for i, c := range s.Columns {
		names[i] = c.Name
	}
	return names
}

// kind is how a column is kept in a block.
type kind uint8

const (
	constant   kind = iota // one string for the whole block
	few                    // dictionary of at most MaxRows strings
	dictionary             // of any number
	text
	date
	u8
	u32
	line // 64 bits in the store
	u64
	i64
	money  // Decimal(38, 6)
	square // Decimal(38, 12)
	fixed16
	fixed32
)

type spec struct {
	name string
	kind kind
}

// dataType has the narrowest index or number that a block needs: the less there
// is of it, the less there is to compress, and the store widens it.
func (k kind) dataType() arrow.DataType {
	switch k {
	case constant:
		return &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}
	case few:
		return &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Uint16, ValueType: arrow.BinaryTypes.String}
	case dictionary:
		return &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}
	case text:
		return arrow.BinaryTypes.String
	case date:
		return arrow.FixedWidthTypes.Date32
	case u8:
		return arrow.PrimitiveTypes.Uint8
	case u32, line:
		return arrow.PrimitiveTypes.Uint32
	case u64:
		return arrow.PrimitiveTypes.Uint64
	case i64:
		return arrow.PrimitiveTypes.Int64
	case money:
		return &arrow.Decimal128Type{Precision: precision, Scale: microScale}
	case square:
		return &arrow.Decimal128Type{Precision: precision, Scale: squareScale}
	case fixed16:
		return &arrow.FixedSizeBinaryType{ByteWidth: 16}
	default:
		return &arrow.FixedSizeBinaryType{ByteWidth: 32}
	}
}

func (k kind) names() (clickHouse, arrowName string) {
	switch k {
	case constant:
		return "LowCardinality(String)", "dictionary<int8, utf8>"
	case few:
		return "LowCardinality(String)", "dictionary<uint16, utf8>"
	case dictionary:
		return "LowCardinality(String)", "dictionary<int32, utf8>"
	case text:
		return "String", "utf8"
	case date:
		return "Date32", "date32"
	case u8:
		return "UInt8", "uint8"
	case u32:
		return "UInt32", "uint32"
	case line:
		return "UInt64", "uint32"
	case u64:
		return "UInt64", "uint64"
	case i64:
		return "Int64", "int64"
	case money:
		return "Decimal(38, 6)", "decimal128(38, 6)"
	case square:
		return "Decimal(38, 12)", "decimal128(38, 12)"
	case fixed16:
		return "FixedString(16)", "fixed_size_binary[16]"
	default:
		return "FixedString(32)", "fixed_size_binary[32]"
	}
}

// Decimals are the fixed-point numbers of package cell: micro-units, and their
// squares.
const (
	precision   = 38
	microScale  = 6
	squareScale = 12
)

func obsSpecs() []spec {
	return []spec{
		{"delivery", constant}, {"feed", constant}, {"registry", constant}, {"region", constant},
		{"block", u32}, {"line", line}, {"kind", u8},
		{"indicator", few}, {"version", few}, {"unit", few}, {"stratum", few},
		{"event_date", date}, {"registration_date", date}, {"subject", fixed16}, {"key", fixed16},
		{"has", u8}, {"finding", u8},
		{"numerator", i64}, {"denominator", i64}, {"value", i64}, {"expected", i64},
	}
}

// earlierObsSpecs are those of blocks that were written with wide lines and codes.
func earlierObsSpecs() []spec {
	specs := obsSpecs()
	for i := range specs {
		switch specs[i].kind {
		case line:
			specs[i].kind = u64
		case few:
			specs[i].kind = dictionary
		}
	}
	return specs
}

func cellSpecs() []spec {
	return []spec{
		{"rev", u64}, {"delivery", constant}, {"run", constant},
		{"region", dictionary}, {"registry", dictionary}, {"indicator", dictionary}, {"version", dictionary},
		{"granularity", dictionary}, {"unit", dictionary}, {"stratum", dictionary},
		{"period_start", date}, {"tombstone", u8}, {"rows", i64},
		{"numerator", money}, {"denominator", money}, {"values", money}, {"expected", money},
		{"value_count", i64}, {"value_squares", square}, {"histogram", text},
		{"missing", i64}, {"rejected", i64}, {"duplicates", i64}, {"numerator_above", i64}, {"negative", i64},
		{"zero_denominator", i64}, {"rate_mismatch", i64}, {"unknown_codes", i64}, {"masked", i64}, {"bad_reasons", i64},
		{"fingerprint", fixed32},
	}
}

// earlierCellSpecs are those of blocks that were written before there were the
// counts of reasons, which are 0 in them.
func earlierCellSpecs() []spec {
	return slices.DeleteFunc(cellSpecs(), func(s spec) bool { return s.name == "masked" || s.name == "bad_reasons" })
}

// ObservationSchema lists the columns of an OBS block: those of table obs.
func ObservationSchema() Schema { return schemaOf("obs", obsSpecs()) }

// CellSchema lists the columns of a CELLS block: those of table cell.
func CellSchema() Schema { return schemaOf("cell", cellSpecs()) }

func schemaOf(table string, specs []spec) Schema {
	s := Schema{Table: table, Columns: make([]Column, len(specs))}
	for i, sp := range specs {
		ch, ar := sp.kind.names()
		s.Columns[i] = Column{Name: sp.name, ClickHouse: ch, Arrow: ar}
	}
	return s
}

func arrowSchema(specs []spec) *arrow.Schema {
	fields := make([]arrow.Field, len(specs))
	for i, sp := range specs {
		fields[i] = arrow.Field{Name: sp.name, Type: sp.kind.dataType()}
	}
	return arrow.NewSchema(fields, nil)
}
