package dashboards_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
)

// What Grafana and the ClickHouse plugin do to the text of a query, in the same
// order: Grafana's template service puts in the variables, then the plugin's
// backend expands its macros. Only what the dashboards use is here; anything
// else is left alone, and the engine then refuses it.

// option is one option of a variable.
type option struct{ value, text string }

// reference is Grafana's pattern of a variable: $name, [[name:format]],
// ${name.field:format}.
var reference = regexp.MustCompile(`\$(\w+)|\[\[(\w+?)(?::(\w+))?\]\]|\$\{(\w+)(?:\.([^:^}]+))?(?::([^}]+))?\}`)

// interpolate puts variables into a text. What is put in is not looked through
// again, and what is no variable stays.
func interpolate(text string, vars map[string]option) string {
	return reference.ReplaceAllStringFunc(text, func(match string) string {
		m := reference.FindStringSubmatch(match)
		v, ok := vars[m[1]+m[2]+m[4]]
		if !ok {
			return match
		}
		switch format := m[3] + m[6]; format {
		case "percentencode":
			return percentEncode(v.value)
		case "queryparam":
			return "var-" + m[4] + "=" + percentEncode(v.value)
		case "text":
			return v.text
		case "", "raw":
			return v.value
		default:
			panic("dashboards: the format " + format + " is not known here; add it with a case of its own")
		}
	})
}

// percentEncode is JavaScript's encodeURIComponent with !'()* encoded as well,
// which is what Grafana's percentencode does.
func percentEncode(s string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-_.~", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// dateFilter is the plugin's macro for columns that are dates.
var dateFilter = regexp.MustCompile(`\$__dateFilter\(([^()]*)\)`)

// expand carries out the plugin's macros over a time range in UTC.
func expand(sql string, from, to time.Time) string {
	return dateFilter.ReplaceAllStringFunc(sql, func(match string) string {
		column := dateFilter.FindStringSubmatch(match)[1]
		return fmt.Sprintf("%s >= toDate('%s') AND %[1]s <= toDate('%[3]s')", column, from.Format(time.DateOnly), to.Format(time.DateOnly))
	})
}

func TestExpansion(t *testing.T) {
	vars := map[string]option{
		"unit":  {`a'b\c $unit %27 å`, "Näme"},
		"empty": {"", ""},
	}
	for _, c := range []struct{ text, want string }{
		{"x = '${unit:percentencode}'", "x = 'a%27b%5Cc%20%24unit%20%2527%20%C3%A5'"},
		{"${unit:text}: $unit", `Näme: a'b\c $unit %27 å`},
		{"[[unit:text]]", "Näme"},
		{"/d/x?${unit:queryparam}", "/d/x?var-unit=a%27b%5Cc%20%24unit%20%2527%20%C3%A5"},
		{"'${empty:percentencode}'", "''"},
		{"$nobody ${__data.fields.unit:percentencode} $__dateFilter(c)", "$nobody ${__data.fields.unit:percentencode} $__dateFilter(c)"},
		{"${unit:percentencode}!'()*", "a%27b%5Cc%20%24unit%20%2527%20%C3%A5!'()*"},
	} {
		if got := interpolate(c.text, vars); got != c.want {
			t.Errorf("%s\n  is   %s\n  want %s", c.text, got, c.want)
		}
	}
	if got := percentEncode("!'()*-_.~"); got != "%21%27%28%29%2A-_.~" {
		t.Errorf("percent-encoded: %s", got)
	}
	from, to := time.Date(2021, 3, 1, 23, 0, 0, 0, time.UTC), time.Date(2026, 3, 2, 1, 0, 0, 0, time.UTC)
	got := expand("WHERE $__dateFilter(period_start) AND $__other(x)", from, to)
	if want := "WHERE period_start >= toDate('2021-03-01') AND period_start <= toDate('2026-03-02') AND $__other(x)"; got != want {
		t.Errorf("expanded: %s\n  want %s", got, want)
	}
}
