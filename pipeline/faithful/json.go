package faithful

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// field and object keep the order of keys: results are read by people too.
type field struct {
	key   string
	value any
}

type object []field

// vec is a column of numbers; null entries are NaN, a null column is nil.
type vec []float64

// UnmarshalJSON reads an array of numbers and nulls, one number, or null.
func (v *vec) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] != '[' && string(b) != "null" {
		b = slices.Concat([]byte{'['}, b, []byte{']'})
	}
	var p []*float64
	if err := json.Unmarshal(b, &p); err != nil {
		return err
	}
	*v = nil
	if p != nil {
		*v = make(vec, len(p))
	}
	for i, x := range p {
		(*v)[i] = math.NaN()
		if x != nil {
			(*v)[i] = *x
		}
	}
	return nil
}

// decode reads an input. A key that the method does not have is an error: an
// option that is ignored gives other numbers than the tool would.
func decode(raw json.RawMessage, into any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if err != nil && strings.Contains(err.Error(), "unknown field") {
		t := reflect.TypeOf(into).Elem()
		var keys []string
		for i := range t.NumField() {
			keys = append(keys, t.Field(i).Tag.Get("json"))
		}
		return fmt.Errorf("%s; this method has %s", strings.TrimPrefix(err.Error(), "json: "), strings.Join(keys, ", "))
	}
	return err
}

// given says whether an optional part of an input is there.
func given(raw json.RawMessage) bool { return len(raw) > 0 && string(raw) != "null" }

// stopped is the result where the tool itself stops with an error.
func stopped(format string, args ...any) object {
	return object{{"error", true}, {"error_message", fmt.Sprintf(format, args...)}}
}

// orNull is v, or null where it is missing.
func orNull(missing bool, v any) any {
	if missing {
		return nil
	}
	return v
}

// encode appends v as JSON. It accepts what the methods build and nothing else.
func encode(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...)
	case object:
		b = append(b, '{')
		for i, f := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = encodeString(b, f.key)
			b = append(b, ':')
			b = encode(b, f.value)
		}
		return append(b, '}')
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return append(b, "null"...)
		}
		if v == 0 {
			v = 0 // no sign
		}
		return strconv.AppendFloat(b, v, 'g', 17, 64)
	case int:
		return strconv.AppendInt(b, int64(v), 10)
	case bool:
		return strconv.AppendBool(b, v)
	case string:
		return encodeString(b, v)
	case json.RawMessage:
		return append(b, v...)
	case vec:
		return encodeList(b, []float64(v))
	case []float64:
		return encodeList(b, v)
	case []int:
		return encodeList(b, v)
	case []bool:
		return encodeList(b, v)
	case []string:
		return encodeList(b, v)
	case []json.RawMessage:
		return encodeList(b, v)
	case []vec:
		return encodeList(b, v)
	case []object:
		return encodeList(b, v)
	case []any:
		return encodeList(b, v)
	}
	panic(fmt.Sprintf("faithful: a method built a %T, which has no JSON form", v))
}

func encodeList[T any](b []byte, list []T) []byte {
	b = append(b, '[')
	for i, x := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = encode(b, any(x))
	}
	return append(b, ']')
}

func encodeString(b []byte, s string) []byte {
	quoted, err := json.Marshal(s)
	if err != nil {
		panic(err) // strings always marshal
	}
	return append(b, quoted...)
}

// sameLength is an error unless all columns have one entry per row.
func sameLength(n int, columns map[string]int) error {
	for name, k := range columns {
		if k != n {
			return fmt.Errorf("column %s has %d entries, others %d; give one per row", name, k, n)
		}
	}
	return nil
}
