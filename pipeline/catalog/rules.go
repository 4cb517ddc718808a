package catalog

import (
	"fmt"
	"math"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // so that a time zone of the catalog loads on any machine
)

// rule is the parsed rule tag of a field: what one value must hold by itself.
// What values must hold together is in validate.go.
//
// The tag is a list of words: required; short (a plain value in place of the
// mapping fills this field); set (a list without order or repetition); unique
// (a list without repetition); enum=a,b; default=x; form=name (see form);
// min=, max= (inclusive), above=, below= (exclusive).
type rule struct {
	required, short, set, unique bool
	enum                         []string
	byDefault                    *string
	form                         string
	min, max, above, below       *float64
}

type field struct {
	index int
	key   string
	rule  rule
}

// fieldsOf reads the tags of a model type. A tag that cannot be read is a
// fault of this package, which the tests find, so it panics.
func fieldsOf(t reflect.Type) []field {
	var fields []field
	for i := range t.NumField() {
		f := t.Field(i)
		key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() || key == "-" {
			continue
		}
		r, err := parseRule(f.Tag.Get("rule"))
		if key == "" || err != nil {
			panic(fmt.Sprintf("catalog: tags of %s.%s: %v", t.Name(), f.Name, err))
		}
		fields = append(fields, field{i, key, r})
	}
	return fields
}

func parseRule(tag string) (rule, error) {
	var r rule
	for _, word := range strings.Fields(tag) {
		name, arg, _ := strings.Cut(word, "=")
		var err error
		switch name {
		case "required":
			r.required = true
		case "short":
			r.short = true
		case "set":
			r.set = true
		case "unique":
			r.unique = true
		case "enum":
			r.enum = strings.Split(arg, ",")
		case "default":
			r.byDefault = &arg
		case "form":
			r.form = arg
		case "min":
			r.min, err = bound(arg)
		case "max":
			r.max, err = bound(arg)
		case "above":
			r.above, err = bound(arg)
		case "below":
			r.below, err = bound(arg)
		default:
			err = fmt.Errorf("unknown word %q", word)
		}
		if err != nil {
			return rule{}, err
		}
	}
	return r, nil
}

func bound(s string) (*float64, error) {
	f, err := strconv.ParseFloat(s, 64)
	return &f, err
}

// form is what a text must look like: a pattern, or a list of the only texts.
type form struct {
	pattern string
	only    []string
	says    string
	hint    string
}

const nbsp, narrowNBSP = "\u00a0", "\u202f"

// formOf knows the forms that rule tags name. Forms with neither pattern nor
// list are checked by code, in checkText.
func formOf(name string) form {
	switch name {
	case "token":
		return form{pattern: `^[a-z0-9][a-z0-9_-]{0,63}$`,
			says: "must be 1 to 64 lower-case letters a-z, digits, _ or -, and begin with a letter or digit",
			hint: "it becomes part of a subject of the log"}
	case "unit":
		return form{pattern: `^[\p{L}\p{N}][\p{L}\p{N}._:-]{0,127}$`,
			says: "must be 1 to 128 letters, digits, dots, colons, _ or -, and begin with a letter or digit"}
	case "version":
		return form{pattern: `^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`,
			says: "must be 1 to 64 letters a-z, digits, dots, _ or -, and begin with a letter or digit"}
	case "code":
		return form{pattern: `^\S+( \S+)*$`,
			says: "must be a code without space around it", hint: "codes are compared exactly"}
	case "country":
		return form{pattern: `^[A-Z]{2}$`, says: "must be a country of two capital letters", hint: "as SE, DK, NO, FI, IS or GB"}
	case "clock":
		return form{pattern: `^([01][0-9]|2[0-3]):[0-5][0-9]$`, says: "must be a time of day", hint: `as "06:00"`}
	case "email":
		return form{pattern: `^[^@\s]+@[^@\s]+$`, says: "must be an e-mail address"}
	case "sha256":
		return form{pattern: `^[0-9a-f]{64}$`, says: "must be 64 lower-case hexadecimal digits, the SHA-256 of the token",
			hint: "never write the token itself; if one stood here, it is to be replaced"}
	case "column":
		return form{pattern: `^[^=\r\n][^\r\n]*$`, says: "must be the name of a column", hint: "a constant, =x, cannot stand here"}
	case "source":
		return form{pattern: `^(=[^\r\n]+|[^=\r\n][^\r\n]*)$`, says: "must be the name of a column, or a constant after ="}
	case "check":
		return form{pattern: `^(C(0[1-9]|1[0-8])|K(0[1-9]|1[0-3])|P0[1-7]|T(0[1-9]|10)|D0[1-7]|X0[1-7])$`,
			says: "must be the id of a check", hint: "C01-C18, K01-K13, P01-P07, T01-T10, D01-D07 or X01-X07"}
	case "opaque":
		return form{pattern: "^[dx !-/:-@\\[-`{-~]{1,24}$", says: "must be the form of an identifier",
			hint: "write d for each digit, x for each letter and other signs as they are, at most 24: as dddddddddd or xx-dddd"}
	case "delimiter":
		return form{only: []string{",", ";", "\t", "|", "~", "^", ":"}, says: "must be a delimiter"}
	case "quote":
		return form{only: []string{"", `"`, "'"}, says: "must be a quotation mark"}
	case "decimal":
		return form{only: []string{".", ","}, says: "must be a decimal sign"}
	case "thousands":
		return form{only: []string{"", " ", nbsp, narrowNBSP, ".", ","}, says: "must be a separator of thousands"}
	default:
		return form{}
	}
}

// checkText checks one text against a rule; it returns the broken rule and a
// hint, or two empty strings.
func (r rule) checkText(s string, compiled func(string) *regexp.Regexp) (says, hint string) {
	f := formOf(r.form)
	switch {
	case len(r.enum) > 0:
		if !slices.Contains(r.enum, s) {
			return "must be one of " + strings.Join(r.enum, ", "), meant(s, r.enum)
		}
		return "", ""
	case len(f.only) > 0:
		if !slices.Contains(f.only, s) {
			quoted := make([]string, len(f.only))
			for i, o := range f.only {
				quoted[i] = strconv.QuoteToASCII(o)
			}
			return f.says, "one of " + strings.Join(quoted, " ")
		}
		return "", ""
	case s == "":
		return "must not be empty", "give it a value or leave the key out"
	case f.pattern != "":
		if !compiled(f.pattern).MatchString(s) {
			return f.says, f.hint
		}
		return "", ""
	}
	switch r.form {
	case "zone":
		// "Local" would make the meaning depend on the machine.
		if _, err := time.LoadLocation(s); err != nil || s == "Local" {
			return "must be a time zone of the IANA list", "as Europe/Stockholm"
		}
	case "glob":
		if _, err := path.Match(s, ""); err != nil {
			return "must be a file pattern (* ? [a-z])", "an opening [ needs its ]"
		}
		if strings.ContainsAny(s, "/") {
			return "must match the base name of a file", "leave the folder out"
		}
	case "pattern":
		if _, err := regexp.Compile(s); err != nil {
			return "must be a regular expression: " + strings.TrimPrefix(err.Error(), "error parsing regexp: "), "the syntax is RE2"
		}
	case "layout":
		// A layout is one of dates if a date survives being written and read.
		day := time.Date(2033, time.November, 24, 0, 0, 0, 0, time.UTC)
		back, err := time.Parse(s, day.Format(s))
		if err != nil || DateOf(back) != DateOf(day) {
			return "must be a layout with year, month and day", "write how 2 January 2006 looks, as 2006-01-02 or 02.01.2006 or 20060102"
		}
	}
	return "", ""
}

// checkNumber checks one number against a rule.
func (r rule) checkNumber(f float64) (says string) {
	var parts []string
	ok := !math.IsNaN(f) && !math.IsInf(f, 0)
	add := func(b *float64, word string, holds func(b float64) bool) {
		if b == nil {
			return
		}
		parts = append(parts, word+" "+strconv.FormatFloat(*b, 'f', -1, 64))
		ok = ok && holds(*b)
	}
	add(r.min, "at least", func(b float64) bool { return f >= b })
	add(r.above, "above", func(b float64) bool { return f > b })
	add(r.max, "at most", func(b float64) bool { return f <= b })
	add(r.below, "below", func(b float64) bool { return f < b })
	if ok {
		return ""
	}
	return "must be " + strings.Join(parts, " and ")
}

// meant is the hint for a misspelt word: the nearest of the allowed words.
func meant(word string, allowed []string) string {
	if n := nearest(word, allowed); n != "" {
		return "did you mean " + n + "?"
	}
	return ""
}
