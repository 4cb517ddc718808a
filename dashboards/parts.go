package dashboards

import (
	"fmt"
	"strings"
)

//go:generate go run ./generate

// source refers to the data source that the variable names.
func source() *Datasource { return &Datasource{Type: pluginID, UID: "${datasource}"} }

// query is one query. Format 1 is a table: the plugin hands the rows on as the
// view has them, without widening, filling or sorting.
func query(refID, sql string) Target {
	return Target{RefID: refID, Datasource: source(), EditorType: "sql", QueryType: "table", Format: 1,
		PluginVersion: queryVersion, RawSQL: strings.TrimSpace(sql) + "\n", Meta: object{}}
}

// value is the SQL of the value of a variable. Percent-encoding leaves letters,
// digits and -_.~% alone, so no quote, backslash, dollar sign or macro in a name
// can end the string; Grafana's own quoting formats leave the backslash, which
// ClickHouse reads as an escape.
func value(variable string) string {
	return fmt.Sprintf("decodeURLComponent('${%s:percentencode}')", variable)
}

// stratumKey lets the stratum of everybody, which is empty, be chosen: in
// Grafana an empty value cannot be told from none.
const stratumKey = "concat('=', stratum)"

// ofIndicator is the condition for the chosen indicator, version, kind of
// period and stratum.
func ofIndicator() string {
	return "indicator = " + value("indicator") + `
  AND indicator_version = ` + value("version") + `
  AND granularity = ` + value("granularity") + `
  AND ` + stratumKey + ` = ` + value("stratum")
}

// ofSeries is the condition for the chosen unit's series.
func ofSeries() string { return ofIndicator() + "\n  AND unit = " + value("unit") }

// datasourceVariable chooses among the ClickHouse data sources; the provisioned
// one comes first.
func datasourceVariable() Variable {
	return Variable{Name: "datasource", Label: "Data source", Type: "datasource", Query: pluginID, Refresh: 1, Options: []object{},
		Current: object{"selected": false, "text": "Lärström released", "value": DataSourceUID}}
}

// queryVariable takes its options from a query: one column is the value and the
// text, of two the first is the value. Order is the query's.
func queryVariable(name, label, sql string) Variable {
	q := query(name, sql)
	q.Datasource, q.QueryType = nil, "sql"
	return Variable{Name: name, Label: label, Type: "query", Datasource: source(), Query: q, Refresh: 1, Options: []object{},
		Current: object{"selected": false, "text": "", "value": ""}}
}

// indicatorVariables choose an indicator and what of it: each depends on those
// before it.
func indicatorVariables() []Variable {
	return []Variable{
		datasourceVariable(),
		queryVariable("registry", "Registry", `
SELECT DISTINCT registry
FROM indicator
ORDER BY registry`),
		queryVariable("indicator", "Indicator", `
SELECT indicator, any(name) AS shown
FROM indicator
WHERE registry = `+value("registry")+`
GROUP BY indicator
ORDER BY lowerUTF8(shown), indicator`),
		queryVariable("version", "Version", `
SELECT indicator_version
FROM chart
WHERE indicator = `+value("indicator")+`
GROUP BY indicator_version
ORDER BY max(period_start) DESC, indicator_version DESC`),
		queryVariable("granularity", "Period", `
SELECT DISTINCT granularity
FROM chart
WHERE indicator = `+value("indicator")+`
  AND indicator_version = `+value("version")+`
ORDER BY granularity`),
		queryVariable("stratum", "Stratum", `
SELECT DISTINCT `+stratumKey+` AS chosen, if(stratum = '', 'all', stratum) AS shown
FROM chart
WHERE indicator = `+value("indicator")+`
  AND indicator_version = `+value("version")+`
  AND granularity = `+value("granularity")+`
ORDER BY chosen`),
		hidden(queryVariable("measure", "Measure", `
SELECT `+measureWords+` AS measure
FROM indicator
WHERE indicator = `+value("indicator")+`
  AND indicator_version = `+value("version")+`
LIMIT 1`)),
	}
}

func hidden(v Variable) Variable {
	v.Hide = 2
	return v
}

// measureWords says in what an indicator is measured.
const measureWords = `multiIf(
    type = 'proportion' AND multiplier = 100, 'per cent',
    type IN ('proportion', 'rate') AND multiplier > 1, concat('per ', toString(multiplier)),
    type = 'standardised_ratio', 'observed to expected',
    replaceAll(type, '_', ' '))`

// indicatorWords is the SQL of a sentence on the chosen indicator.
const indicatorWords = `if(count() = 0, 'No indicator is chosen.', concat(
      any(name), ', version ', any(indicator_version), ', ', any(` + measureWords + `),
      multiIf(any(direction) = 'up', ', higher is better', any(direction) = 'down', ', lower is better', ''),
      if(any(class) = '', '', concat(', ', any(class))),
      if(any(specification) = '', '', concat('. ', any(specification)))))`

// unitOfMeasure is the query whose result becomes the unit of the panel's
// axis: per cent where that is what is shown, else plain numbers.
func unitOfMeasure() Target {
	return query("measure", `
SELECT if(type = 'proportion' AND multiplier = 100, 'percent', 'none') AS measure
FROM indicator
WHERE indicator = `+value("indicator")+`
  AND indicator_version = `+value("version")+`
LIMIT 1`)
}

// measured gives the named columns the unit that unitOfMeasure found.
func measured(columns ...string) []Transformation {
	return []Transformation{{ID: "configFromData", Options: object{
		"configRefId": "measure",
		"applyTo":     object{"id": "byNames", "options": object{"mode": "include", "names": columns}},
		"mappings":    []object{{"fieldName": "measure", "handlerKey": "unit"}},
	}}}
}

// state is one state of a point: its word, its colour, and what it means.
type state struct{ name, word, color, means string }

// states are the states of a point, everywhere the same.
func states() []state {
	return []state{
		{"value", "released", "semi-dark-blue", "Released and mature: these points make the centre line, the limits and the signals."},
		{"preliminary", "preliminary", "light-blue", "Data are still coming in: drawn hollow, outside centre line, limits and signals."},
		{"held_previous", "under question, earlier version shown", "#9e9e9e", "Under question: the version that was released earlier is shown, in grey."},
		{"held_empty", "under question, nothing shown", "dark-orange", "Under question: nothing is shown. This is not a zero."},
		{"suppressed", "suppressed", "dark-purple", "There are data, which are not shown, to protect privacy. This is not a zero."},
		{"missing", "missing", "dark-yellow", "Expected and not delivered. This is not a zero."},
		{"no_eligible", "nobody eligible", "#5f7a8a", "Nobody was eligible: 0 of 0, which is no value."},
		{"not_applicable", "not applicable", "#6b6b6b", "The unit or this version of the indicator did not exist then."},
	}
}

// stateOrder is the SQL of the place of the column state among the others.
const stateOrder = `indexOf(['preliminary', 'held_previous', 'held_empty', 'suppressed', 'missing', 'no_eligible', 'not_applicable'], toString(state))`

// stateMeans is the SQL of what the column state means.
func stateMeans() string { return stateCase(func(s state) string { return s.means }) }

// stateWord is the SQL of the word for the column state.
func stateWord() string { return stateCase(func(s state) string { return s.word }) }

func stateCase(of func(state) string) string {
	var b strings.Builder
	b.WriteString("multiIf(")
	for _, s := range states() {
		fmt.Fprintf(&b, "\n      state = '%s', '%s',", s.name, of(s))
	}
	b.WriteString("\n      toString(state))")
	return b.String()
}

// stateMapping shows a state as its word in its colour.
func stateMapping() []object {
	options := object{}
	for i, s := range states() {
		options[s.name] = object{"text": s.word, "color": s.color, "index": i}
	}
	return []object{{"type": "value", "options": options}}
}

// shows is the SQL condition for the states that show a number.
const shows = "state IN ('value', 'preliminary', 'held_previous')"

// publication says which publication is shown, in one row whatever there is.
func publication() Target {
	return query("A", `
SELECT if(count() = 0, 'Nothing has been published yet.', concat(
    'Publication ', toString(max(publication)),
    ', data as of ', toString(argMax(as_of, publication)),
    ', published ', formatDateTime(max(published_at), '%Y-%m-%d %H:%i', 'UTC'), ' UTC',
    ' (run ', argMax(run, publication), ', catalog ', substring(argMax(catalog, publication), 1, 12), ')')) AS publication
FROM run`)
}

func by(column string, properties ...Property) Override {
	return Override{Matcher: Matcher{ID: "byName", Options: column}, Properties: properties}
}

func prop(id string, v any) Property { return Property{ID: id, Value: v} }

func named(name string) Property { return prop("displayName", name) }

func fixed(color string) Property {
	return prop("color", object{"mode": "fixed", "fixedColor": color})
}

func width(pixels int) Property { return prop("custom.width", pixels) }

func hideFrom(legend, tooltip bool) Property {
	return prop("custom.hideFrom", object{"legend": legend, "tooltip": tooltip, "viz": false})
}

func noThresholds() object {
	return object{"mode": "absolute", "steps": []object{{"color": "text", "value": nil}}}
}

// table is a table whose order of rows is the query's.
func table(id int, title, description string, pos GridPos, q Target, overrides ...Override) Panel {
	return Panel{ID: id, Type: "table", Title: title, Description: description, GridPos: pos, PluginVersion: panelVersion,
		Datasource: source(), Targets: []Target{q},
		FieldConfig: &FieldConfig{
			Defaults: object{"color": object{"mode": "fixed", "fixedColor": "text"}, "mappings": []object{}, "thresholds": noThresholds(), "noValue": "–",
				"custom": object{"align": "auto", "inspect": false, "filterable": false, "cellOptions": object{"type": "auto"}}},
			Overrides: overrides,
		},
		Options: object{"showHeader": true, "cellHeight": "sm"},
	}
}

// sentences is a table of sentences that wrap. Grafana before 12.2 reads
// wrapText within the cell options, later ones beside them.
func sentences(id int, title, description string, pos GridPos, q Target, wrapped string, overrides ...Override) Panel {
	p := table(id, title, description, pos, q, append(overrides,
		by(wrapped, prop("custom.cellOptions", object{"type": "auto", "wrapText": true}), prop("custom.wrapText", true)))...)
	p.Options["showHeader"] = false
	return p
}

// inState shows the column state in words and colours.
func inState() Override {
	return by("state", named("State"), width(250), prop("mappings", stateMapping()), prop("custom.cellOptions", object{"type": "color-text"}))
}

func legend() object {
	return object{"showLegend": true, "displayMode": "list", "placement": "bottom", "calcs": []string{}}
}

func row(id int, title string, y int, panels ...Panel) Panel {
	collapsed := true
	return Panel{ID: id, Type: "row", Title: title, GridPos: GridPos{H: 1, W: 24, X: 0, Y: y}, Collapsed: &collapsed, Panels: &panels}
}

func dashboard(uid, title, description string) Dashboard {
	return Dashboard{UID: uid, Title: title, Description: description, Tags: []string{"larstrom"}, SchemaVersion: schemaVersion, Version: 1,
		Editable: true, Timezone: "utc", WeekStart: "monday", GraphTooltip: 1, Time: TimeRange{From: "now-5y", To: "now"},
		Timepicker: object{}}
}

func link(title, url, tooltip string) Link {
	return Link{Title: title, Type: "link", URL: url, Icon: "dashboard", Tooltip: tooltip, Tags: []string{}}
}

// chosen carries what is chosen to another dashboard, encoded by Grafana.
const chosen = "${datasource:queryparam}&${registry:queryparam}&${indicator:queryparam}&${version:queryparam}&${granularity:queryparam}&${stratum:queryparam}"
