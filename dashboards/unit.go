package dashboards

// chartColumns are the columns of a control chart, in the order in which they
// are drawn. Only state value can signal; preliminary is hollow, held_previous
// grey; in every other state there is no point and the line breaks. The columns
// ending in _hole are the discs in the panel's own colour that make the rings.
const chartColumns = `
  toDateTime64(period_start, 0, 'UTC') AS time,
  ucl AS upper_limit,
  lcl AS lower_limit,
  centre,
  target,
  reference_value AS reference,
  if(` + shows + `, value, NULL) AS line,
  if(state = 'value' AND runs_signal, value, NULL) AS run_signal,
  run_signal AS run_signal_hole,
  if(state = 'value' AND NOT sigma_signal, value, NULL) AS released,
  if(state = 'value' AND sigma_signal, value, NULL) AS limit_signal,
  if(state = 'preliminary', value, NULL) AS preliminary,
  preliminary AS preliminary_hole,
  if(state = 'held_previous', value, NULL) AS held_previous`

// measuredColumns are those of chartColumns that are in the indicator's unit.
func measuredColumns() []string {
	return []string{"upper_limit", "lower_limit", "centre", "target", "reference", "line", "run_signal", "run_signal_hole", "released",
		"limit_signal", "preliminary", "preliminary_hole", "held_previous"}
}

// controlChart is a control chart of the query's rows.
func controlChart(id int, title, description string, pos GridPos, q, unit Target) Panel {
	limit := func(name string) []Property {
		return []Property{named(name), fixed("orange"), prop("custom.lineInterpolation", "stepAfter"), prop("custom.lineWidth", 1)}
	}
	// What one aims at or compares with is dotted, and is called no limit.
	aim := func(name, color string) []Property {
		return []Property{named(name), fixed(color), prop("custom.lineInterpolation", "stepAfter"), prop("custom.lineWidth", 1),
			prop("custom.lineStyle", object{"fill": "dot", "dash": []int{2, 6}})}
	}
	points := func(name, color string, size int, more ...Property) []Property {
		return append([]Property{named(name), fixed(color), prop("custom.drawStyle", "points"), prop("custom.pointSize", size)}, more...)
	}
	return Panel{
		ID: id, Type: "timeseries", Title: title, Description: description, GridPos: pos, PluginVersion: panelVersion,
		Datasource: source(), Targets: []Target{q, unit}, Transformations: measured(measuredColumns()...),
		FieldConfig: &FieldConfig{
			Defaults: object{
				"color": object{"mode": "fixed", "fixedColor": "text"}, "mappings": []object{}, "thresholds": noThresholds(),
				"custom": object{
					"drawStyle": "line", "lineInterpolation": "linear", "lineWidth": 1, "lineStyle": object{"fill": "solid"},
					"fillOpacity": 0, "gradientMode": "none", "spanNulls": false, "insertNulls": false,
					"showPoints": "never", "pointSize": 5, "barAlignment": 0,
					"stacking":      object{"mode": "none", "group": "A"},
					"axisPlacement": "auto", "axisLabel": "", "axisColorMode": "text", "axisBorderShow": false, "axisCenteredZero": false,
					"scaleDistribution": object{"type": "linear"},
					"hideFrom":          object{"legend": false, "tooltip": false, "viz": false},
					"thresholdsStyle":   object{"mode": "off"},
				},
			},
			Overrides: []Override{
				by("upper_limit", limit("Upper limit")...),
				by("lower_limit", limit("Lower limit")...),
				by("centre", named("Centre"), fixed("green"), prop("custom.lineInterpolation", "stepAfter"), prop("custom.lineWidth", 2)),
				by("target", aim("Target (no limit)", "purple")...),
				by("reference", aim("Reference (no limit)", "#8a8a8a")...),
				by("line", named("Value"), fixed("blue"), hideFrom(true, false)),
				by("run_signal", points("Signal: run (ring)", "dark-orange", 18)...),
				by("run_signal_hole", points("Ring of a run", "panel-bg", 13, hideFrom(true, true))...),
				by("released", points("Released", "blue", 6, hideFrom(false, true))...),
				by("limit_signal", points("Signal: beyond a limit (large disc)", "red", 12)...),
				by("preliminary", points("Preliminary (hollow)", "blue", 9)...),
				by("preliminary_hole", points("Hollow of preliminary", "panel-bg", 5, hideFrom(true, true))...),
				by("held_previous", points("Under question, earlier version (grey)", "#9e9e9e", 9)...),
			},
		},
		Options: object{
			"legend":  legend(),
			"tooltip": object{"mode": "multi", "sort": "none", "hideZeros": false},
		},
	}
}

// Unit is the dashboard of a unit's control charts.
func Unit() Dashboard {
	d := dashboard("larstrom-unit", "Lärström: control charts of a unit",
		"One unit over time: is the process stable, did a change help? Points, limits and states are those of the publication that is named at the top.")
	d.Links = []Link{link("Between units: funnel of this indicator", "/d/larstrom-funnel?"+chosen, "All units of the indicator, by size, with limits")}
	d.Templating.List = append(indicatorVariables(),
		queryVariable("unit", "Unit", `
SELECT c.unit AS chosen, if(u.name = '', c.unit, u.name) AS shown
FROM (
  SELECT DISTINCT unit
  FROM chart
  WHERE `+ofIndicator()+`
) AS c
LEFT JOIN (SELECT unit, any(name) AS name FROM unit GROUP BY unit) AS u ON u.unit = c.unit
ORDER BY lowerUTF8(shown), chosen`),
		hidden(every(queryVariable("each", "Indicators of the unit", `
SELECT c.indicator AS chosen, i.shown
FROM (
  SELECT DISTINCT indicator
  FROM chart
  WHERE unit = `+value("unit")+`
    AND `+stratumKey+` = `+value("stratum")+`
) AS c
INNER JOIN (SELECT indicator, any(name) AS shown FROM indicator GROUP BY indicator) AS i ON i.indicator = c.indicator
ORDER BY lowerUTF8(i.shown), chosen`))))
	d.Annotations.List = []Annotation{
		annotation("Unit", "blue", `
SELECT toDateTime64(period_start, 0, 'UTC') AS time, text, replaceAll(kind, '_', ' ') AS tags
FROM annotation
WHERE (unit = `+value("unit")+` OR unit = '')
  AND (indicator = `+value("indicator")+` OR indicator = '')
  AND $__dateFilter(period_start)
ORDER BY time`),
		annotation("Phases", "green", `
SELECT toDateTime64(begins, 0, 'UTC') AS time, text, 'phase' AS tags
FROM (
  SELECT min(period_start) AS begins, phase,
    concat('Phase ', toString(phase), ' begins: a new centre line. ', argMin(why, period_start)) AS text
  FROM chart
  WHERE `+ofSeries()+`
  GROUP BY phase
  ORDER BY begins
  LIMIT 1000 OFFSET 1
)
WHERE $__dateFilter(begins)
ORDER BY time`),
		annotation("Decisions", "purple", `
SELECT toDateTime64(period_start, 0, 'UTC') AS time, concat(check, ' ', severity, ', ', state, ': ', text) AS text, state AS tags
FROM flag
WHERE indicator = `+value("indicator")+`
  AND (unit = `+value("unit")+` OR unit = '')
  AND state IN ('accepted', 'corrected', 'covered', 'rejected', 'waived')
  AND period_start > toDate32('1970-01-01')
  AND $__dateFilter(period_start)
ORDER BY time, flag`),
		annotation("Open flags", "dark-orange", `
SELECT toDateTime64(period_start, 0, 'UTC') AS time, concat(check, ' ', severity, ', open: ', text) AS text, 'open' AS tags
FROM flag
WHERE indicator = `+value("indicator")+`
  AND (unit = `+value("unit")+` OR unit = '')
  AND state = 'open'
  AND period_start > toDate32('1970-01-01')
  AND $__dateFilter(period_start)
ORDER BY time, flag`),
	}
	d.Panels = []Panel{
		sentences(1, "", "Which publication this page shows.", GridPos{H: 2, W: 24, X: 0, Y: 0}, publication(), "publication"),
		controlChart(2, "${unit:text}: ${indicator:text} (${measure:text})",
			"Released periods are dots on a line. A large red disc is beyond a limit; an orange ring belongs to a run. "+
				"Hollow: preliminary. Grey: under question, the earlier version is shown. Where nothing may be shown the line breaks, and the band below says why. "+
				"Centre line and limits step at the periods and start anew with each phase. Target and reference are no limits.",
			GridPos{H: 12, W: 24, X: 0, Y: 2}, query("A", `
SELECT`+chartColumns+`
FROM chart
WHERE `+ofSeries()+`
  AND $__dateFilter(period_start)
ORDER BY time`), unitOfMeasure()),
		stateBand(3),
		sentences(4, "In words", "What the series is, how its chart was chosen, and what stands behind periods without a plain value.",
			GridPos{H: 9, W: 14, X: 0, Y: 18}, inWords(), "words", by("about", named("About"), width(230))),
		table(5, "Open flags of ${unit:text}", "Findings of the checks that nobody has decided yet, for any indicator of this unit.",
			GridPos{H: 9, W: 10, X: 14, Y: 18}, query("A", `
SELECT
  i.shown AS indicator,
  if(f.period_start > toDate32('1970-01-01'), toString(f.period_start), '') AS period,
  f.check AS check, f.severity AS severity, f.text AS text, f.raised_at AS raised
FROM flag AS f
LEFT JOIN (SELECT indicator, any(name) AS shown FROM indicator GROUP BY indicator) AS i ON i.indicator = f.indicator
WHERE f.unit = `+value("unit")+`
  AND f.state = 'open'
ORDER BY lowerUTF8(i.shown), period DESC, f.flag`),
			by("indicator", named("Indicator")), by("period", named("Period"), width(100)), by("check", named("Check"), width(150)),
			by("severity", named("Severity"), width(80)), by("text", named("Finding"), prop("custom.inspect", true)), by("raised", named("Raised (UTC)"), width(170))),
		points(6),
		row(7, "Every indicator of ${unit:text}", 39, smallMultiple(8)),
	}
	return d
}

func every(v Variable) Variable {
	v.Multi, v.IncludeAll = true, true
	v.Current = object{"selected": true, "text": []string{"All"}, "value": []string{"$__all"}}
	return v
}

func annotation(name, color, sql string) Annotation {
	return Annotation{Name: name, Enable: true, IconColor: color, Datasource: source(), Target: query("Anno", sql)}
}

// stateBand says in words what every period is. The row without a state ends
// the last one.
func stateBand(id int) Panel {
	return Panel{
		ID: id, Type: "state-timeline", Title: "What each period is", GridPos: GridPos{H: 4, W: 24, X: 0, Y: 14}, PluginVersion: panelVersion,
		Description: "The state of each period, and the phase of the chart that it belongs to. A period that is held, suppressed or missing is not a zero.",
		Datasource:  source(), Targets: []Target{query("A", `
SELECT time, state, phase
FROM (
  SELECT toDateTime64(period_start, 0, 'UTC') AS time, CAST(state, 'Nullable(String)') AS state,
    CAST(concat('phase ', toString(phase)), 'Nullable(String)') AS phase
  FROM chart
  WHERE `+ofSeries()+`
    AND $__dateFilter(period_start)
  UNION ALL
  SELECT toDateTime64(max(period_end), 0, 'UTC'), NULL, NULL
  FROM chart
  WHERE `+ofSeries()+`
    AND $__dateFilter(period_start)
  HAVING count() > 0
)
ORDER BY time`)},
		FieldConfig: &FieldConfig{
			Defaults: object{
				"color": object{"mode": "fixed", "fixedColor": "#6b6b6b"}, "mappings": []object{}, "thresholds": noThresholds(),
				"custom": object{"lineWidth": 1, "fillOpacity": 70, "axisPlacement": "auto",
					"hideFrom": object{"legend": false, "tooltip": false, "viz": false}},
			},
			Overrides: []Override{
				by("state", named("State"), prop("mappings", stateMapping())),
				by("phase", named("Phase")),
			},
		},
		Options: object{
			"mergeValues": true, "showValue": "auto", "alignValue": "left", "rowHeight": 0.9,
			"legend":  object{"showLegend": false, "displayMode": "list", "placement": "bottom", "calcs": []string{}},
			"tooltip": object{"mode": "single", "sort": "none"},
		},
	}
}

// inWords says in sentences what is shown and what is not. It speaks of the
// whole series, whatever the time range: of all of it, of each phase and of
// each state. In a grouping set a column that is not grouped by is 0 or empty,
// which a part (phase + 1) and a state never are.
func inWords() Target {
	return query("A", `
SELECT about, words
FROM (
  SELECT 1 AS place, 'Unit' AS about, if(count() = 0, 'Not in the catalog of this publication.', concat(
      any(name), if(any(kind) = '', '', concat(' (', any(kind), ')')),
      if(max(valid_to) IS NULL, '', concat(', until ', toString(max(valid_to)))),
      if(max(successor) = '', '', concat(', carried on by ', max(successor))))) AS words
  FROM unit
  WHERE unit = `+value("unit")+`
  UNION ALL
  SELECT 2, 'Indicator', `+indicatorWords+`
  FROM indicator
  WHERE indicator = `+value("indicator")+`
    AND indicator_version = `+value("version")+`
  UNION ALL
  SELECT 3, 'Series', 'This unit has no series of the indicator, version, period and stratum that are chosen. This is not a zero.'
  FROM chart
  WHERE `+ofSeries()+`
  HAVING count() = 0
  UNION ALL
  SELECT
    multiIf(of_phase, 5000 + part, of_state, 9000 + `+stateOrder+`, 3),
    multiIf(of_phase, concat('Chart, phase ', toString(part - 1)), of_state, concat(upperUTF8(substringUTF8(word, 1, 1)), substringUTF8(word, 2)), 'Series'),
    multiIf(
      of_phase, concat(first_why, ' From ', toString(first),
        if(baseline_end IS NULL, '.', concat('; baseline from ', toString(baseline_begin), ' until before ', toString(baseline_end), '.'))),
      of_state, concat(toString(periods), if(periods = 1, ' period: ', ' periods: '), means, ' ', newest, if(periods > 12, ', …', '')),
      concat(toString(periods), ' periods from ', toString(first), ' until before ', toString(last), ', data through ', toString(through), '. ',
        if(in_range = 0, 'None lies within the time range of the page: choose a wider one.', concat(toString(in_range), ' lie within the time range of the page.')),
        ' Signals: ', if(signals = 0, 'none.', concat(toString(beyond), ' beyond a limit, ', toString(in_run), ' in a run (', broken, ').'))))
  FROM (
    SELECT
      phase + 1 AS part, part > 0 AS of_phase, state != '' AS of_state, state,
      `+stateWord()+` AS word,
      `+stateMeans()+` AS means,
      count() AS periods, min(period_start) AS first, max(period_end) AS last, max(data_through) AS through,
      countIf($__dateFilter(period_start)) AS in_range,
      argMin(why, period_start) AS first_why, min(baseline_from) AS baseline_begin, max(baseline_to) AS baseline_end,
      countIf(state = 'value' AND sigma_signal) AS beyond, countIf(state = 'value' AND runs_signal) AS in_run,
      countIf(state = 'value' AND (sigma_signal OR runs_signal)) AS signals,
      arrayStringConcat(arraySort(arrayDistinct(arrayFlatten(groupArrayIf(rules, state = 'value')))), ', ') AS broken,
      arrayStringConcat(arrayMap(p -> toString(p), arraySlice(arrayReverseSort(groupArray(period_start)), 1, 12)), ', ') AS newest
    FROM chart
    WHERE `+ofSeries()+`
    GROUP BY GROUPING SETS ((), (part), (state))
  )
  WHERE periods > 0 AND NOT (of_state AND state = 'value')
)
ORDER BY place, about`)
}

// points is the table behind the chart, newest first.
func points(id int) Panel {
	number := func(column, name string) Override { return by(column, named(name), width(110), prop("decimals", 2)) }
	return table(id, "Every period", "What stands behind each point: its state, its numbers, the rules that it broke, and the chart that it was judged by.",
		GridPos{H: 12, W: 24, X: 0, Y: 27}, query("A", `
SELECT
  toString(period_start) AS period,
  toString(state) AS state,
  if(`+shows+`, value, NULL) AS shown,
  if(`+shows+`, n, NULL) AS size,
  centre, lcl, ucl,
  if(state = 'value', if(excluded, 'left out by a person', arrayStringConcat(rules, ', ')), '') AS rules,
  target, reference_value, reference_source,
  phase,
  replaceAll(chart, '_', ' ') AS chart,
  if(baseline_from IS NULL, '', concat(toString(baseline_from), ' – ', toString(baseline_to))) AS baseline,
  dispersion,
  maturity,
  toString(data_through) AS data_through
FROM chart
WHERE `+ofSeries()+`
  AND $__dateFilter(period_start)
ORDER BY period_start DESC`),
		by("period", named("Period from"), width(110)), inState(), number("shown", "Value"), by("size", named("n"), width(80)),
		number("centre", "Centre"), number("lcl", "Lower limit"), number("ucl", "Upper limit"), by("rules", named("Rules broken"), width(160)),
		number("target", "Target"), number("reference_value", "Reference"), by("reference_source", named("Reference from"), width(130)),
		by("phase", named("Phase"), width(70)), by("chart", named("Chart"), width(110)), by("baseline", named("Baseline"), width(210)),
		number("dispersion", "Dispersion"), by("maturity", named("Maturity"), width(100)), by("data_through", named("Data through"), width(120)))
}

// smallMultiple is a control chart for each indicator of the unit, in its
// newest version.
func smallMultiple(id int) Panel {
	shown := value("each")
	newest := `(
    SELECT (indicator_version, granularity)
    FROM chart
    WHERE indicator = ` + shown + `
      AND unit = ` + value("unit") + `
      AND ` + stratumKey + ` = ` + value("stratum") + `
    ORDER BY period_start DESC, indicator_version DESC, granularity
    LIMIT 1
  )`
	p := controlChart(id, "${each:text}", "The newest version of the indicator; the signs are those of the large chart.",
		GridPos{H: 8, W: 6, X: 0, Y: 40}, query("A", `
SELECT`+chartColumns+`
FROM chart
WHERE indicator = `+shown+`
  AND unit = `+value("unit")+`
  AND `+stratumKey+` = `+value("stratum")+`
  AND (indicator_version, granularity) IN `+newest+`
  AND $__dateFilter(period_start)
ORDER BY time`), query("measure", `
SELECT if(any(type) = 'proportion' AND any(multiplier) = 100, 'percent', 'none') AS measure
FROM indicator
WHERE indicator = `+shown))
	p.Repeat, p.RepeatDirection, p.MaxPerRow = "each", "h", 4
	p.Options["legend"].(object)["showLegend"] = false
	return p
}
