package dashboards

// funnelUnits is the released funnel of the chosen indicator with the names of
// the units.
func funnelUnits() string {
	return `(
  SELECT f.unit AS unit, if(u.name = '', f.unit, u.name) AS unit_name, f.* EXCEPT (unit)
  FROM (
    SELECT *
    FROM funnel
    WHERE ` + ofIndicator() + `
  ) AS f
  LEFT JOIN (SELECT unit, any(name) AS name FROM unit GROUP BY unit) AS u ON u.unit = f.unit
)`
}

// Where a unit lies. The view marks those beyond the 99.8 % limits; units
// without limits are compared with nothing.
const (
	beyond998 = "outlier != 0"
	beyond95  = "outlier = 0 AND (value > ucl95 OR value < lcl95)"
	within95  = "NOT (" + beyond998 + ") AND NOT ifNull(" + beyond95 + ", 0)"
)

// place says it in words.
const place = `multiIf(
    state != 'value', 'not compared',
    lcl998 IS NULL, 'no limits',
    outlier > 0, 'above 99.8 %',
    outlier < 0, 'below 99.8 %',
    value > ucl95, 'above 95 %',
    value < lcl95, 'below 95 %',
    'within 95 %')`

func limitsText(level, name string) string {
	return `if(lcl` + level + ` IS NULL, 'none', concat(toString(round(lcl` + level + `, 2)), ' – ', toString(round(ucl` + level + `, 2)))) AS ` + name
}

// Funnel is the dashboard of an indicator between units.
func Funnel() Dashboard {
	d := dashboard("larstrom-funnel", "Lärström: funnel of an indicator",
		"All units of one indicator: how much do they differ beyond chance, and which lie outside the limits? Units are named and ordered by name; they are not ranked.")
	d.Links = []Link{link("Over time: control charts of a unit", "/d/larstrom-unit?"+chosen, "One unit over time")}
	d.Templating.List = indicatorVariables()
	d.Annotations.List = []Annotation{}
	d.Panels = []Panel{
		sentences(1, "", "Which publication this page shows.", GridPos{H: 2, W: 24, X: 0, Y: 0}, publication(), "publication"),
		funnelChart(2),
		variation(3),
		sentences(4, "In words", "What the funnel is of, how its limits were made, and which units are not in it, and why.",
			GridPos{H: 9, W: 24, X: 0, Y: 20}, funnelInWords(), "words", by("about", named("About"), width(250))),
		units(5),
	}
	return d
}

// funnelChart never hands a NULL to the panel: the XY chart draws it as zero.
// So each kind of point, and the lines, have a query of their own. All columns
// that are drawn have one unit, since another unit would be another axis.
func funnelChart(id int) Panel {
	points := func(refID, column, where string) Target {
		return query(refID, `
SELECT
  assumeNotNull(denominator) AS n,
  assumeNotNull(value) AS `+column+`,
  unit_name,
  unit,
  `+limitsText("95", "limits_95")+`,
  `+limitsText("998", "limits_998")+`
FROM `+funnelUnits()+`
WHERE state = 'value' AND value IS NOT NULL AND denominator IS NOT NULL
  AND `+where+`
ORDER BY lowerUTF8(unit_name), unit`)
	}
	mark := func(name, color, shape string, size int) []Property {
		return []Property{named(name), fixed(color), prop("custom.show", "points"), prop("custom.pointShape", shape),
			prop("custom.pointSize", object{"fixed": size}), prop("custom.pointStrokeWidth", 1), prop("custom.fillOpacity", 60)}
	}
	line := func(name, color string, width int, dash ...int) []Property {
		style := object{"fill": "solid"}
		if len(dash) > 0 {
			style = object{"fill": "dash", "dash": dash}
		}
		return []Property{named(name), fixed(color), prop("custom.show", "lines"), prop("custom.lineWidth", width), prop("custom.lineStyle", style)}
	}
	return Panel{
		ID: id, Type: "xychart", Title: "${indicator:text} (${measure:text})", GridPos: GridPos{H: 14, W: 24, X: 0, Y: 2}, PluginVersion: panelVersion,
		Description: "Each point is a unit: its value over its size. Circle: within the 95 % limits. Square: beyond them. Large red square: beyond the 99.8 % limits. " +
			"Each unit is judged by what the others give: the lines join the limits of the units, each of which leaves the unit itself out, so they are not smooth. " +
			"Point at a unit for its name; click for the way to its control chart. Units that are held, suppressed or missing are not drawn; the words below name them.",
		Datasource: source(),
		Targets: []Target{
			query("lines", `
SELECT
  assumeNotNull(denominator) AS n,
  assumeNotNull(ucl998) AS upper_998,
  assumeNotNull(ucl95) AS upper_95,
  assumeNotNull(lcl95) AS lower_95,
  assumeNotNull(lcl998) AS lower_998
FROM funnel
WHERE `+ofIndicator()+`
  AND state = 'value' AND denominator IS NOT NULL
  AND ucl998 IS NOT NULL AND ucl95 IS NOT NULL AND lcl95 IS NOT NULL AND lcl998 IS NOT NULL
ORDER BY n`),
			query("centre", `
SELECT assumeNotNull(denominator) AS n, assumeNotNull(centre) AS centre
FROM funnel
WHERE `+ofIndicator()+`
  AND state = 'value' AND denominator IS NOT NULL AND centre IS NOT NULL
ORDER BY n`),
			points("within", "within_95", within95),
			points("beyond95", "outside_95", "ifNull("+beyond95+", 0)"),
			points("beyond998", "outside_998", beyond998),
			unitOfMeasure(),
		},
		Transformations: measured("upper_998", "upper_95", "lower_95", "lower_998", "centre", "within_95", "outside_95", "outside_998"),
		FieldConfig: &FieldConfig{
			Defaults: object{
				"color": object{"mode": "fixed", "fixedColor": "text"}, "mappings": []object{}, "thresholds": noThresholds(),
				"links": []object{unitLink()},
				"custom": object{
					"show": "points", "pointSize": object{"fixed": 8}, "pointShape": "circle", "pointStrokeWidth": 1, "fillOpacity": 50,
					"lineWidth": 1, "lineStyle": object{"fill": "solid"},
					"axisPlacement": "auto", "axisLabel": "", "axisColorMode": "text", "axisBorderShow": false, "axisCenteredZero": false,
					"scaleDistribution": object{"type": "linear"},
					"hideFrom":          object{"legend": false, "tooltip": false, "viz": false},
				},
			},
			Overrides: []Override{
				by("n", named("Size"), prop("custom.axisLabel", "Size (denominator, cases or expected)"), prop("links", []object{})),
				by("upper_998", line("Upper limit 99.8 %", "red", 1)...),
				by("upper_95", line("Upper limit 95 %", "orange", 1, 6, 6)...),
				by("lower_95", line("Lower limit 95 %", "orange", 1, 6, 6)...),
				by("lower_998", line("Lower limit 99.8 %", "red", 1)...),
				by("centre", line("Centre", "green", 2)...),
				by("within_95", mark("Within the 95 % limits", "blue", "circle", 8)...),
				by("outside_95", mark("Beyond the 95 % limits", "dark-orange", "square", 9)...),
				by("outside_998", mark("Beyond the 99.8 % limits", "red", "square", 13)...),
				by("unit_name", named("Unit")),
				by("unit", named("Code")),
				by("limits_95", named("95 % limits")),
				by("limits_998", named("99.8 % limits")),
			},
		},
		Options: object{
			"mapping": "auto",
			"series":  []object{{"x": object{"matcher": object{"id": "byName", "options": "n"}}}},
			"legend":  legend(),
			"tooltip": object{"mode": "single", "sort": "none"},
		},
	}
}

func unitLink() object {
	return object{"title": "Control chart of ${__data.fields.unit_name}", "targetBlank": false,
		"url": "/d/larstrom-unit?" + chosen + "&var-unit=${__data.fields.unit:percentencode}"}
}

// variation are the measures of how much units differ.
func variation(id int) Panel {
	tile := func(column, name string, decimals int) Override {
		return by(column, named(name), prop("decimals", decimals))
	}
	return Panel{
		ID: id, Type: "stat", Title: "How much units differ", GridPos: GridPos{H: 4, W: 24, X: 0, Y: 16}, PluginVersion: panelVersion,
		Description: "phi: how much the units vary beyond chance (1 is chance alone). tau²: the variance between units, with its 95 % interval. " +
			"Both take every unit as it is; the funnel's own, in the words below, draw the outermost tenth of units on either side in first (winsorised), so that units far out do not widen the limits that they are judged by. " +
			"ICC: the share of all variance that lies between units. MOR: the median odds ratio between two units (proportions only). " +
			"Spread: the 10th, 50th and 90th percentile of the units after shrinkage, which takes chance out.",
		Datasource: source(),
		Targets: []Target{query("A", `
SELECT
  units,
  mean,
  phi,
  if(tau2 IS NULL, NULL, concat(toString(round(tau2, 4)), if(tau2_low IS NULL OR tau2_high IS NULL, '',
    concat(' (', toString(round(tau2_low, 4)), ' – ', toString(round(tau2_high, 4)), ')')))) AS tau2_interval,
  i2,
  icc,
  mor,
  if(p10 IS NULL OR p50 IS NULL OR p90 IS NULL, NULL, concat(toString(round(p10, 2)), ' – ', toString(round(p50, 2)), ' – ', toString(round(p90, 2)))) AS spread
FROM variation
WHERE `+ofIndicator()+`
LIMIT 1`)},
		FieldConfig: &FieldConfig{
			Defaults: object{"color": object{"mode": "fixed", "fixedColor": "text"}, "mappings": []object{}, "thresholds": noThresholds(), "noValue": "none"},
			Overrides: []Override{
				tile("units", "Units compared", 0), tile("mean", "Mean of units", 2), tile("phi", "phi", 2), by("tau2_interval", named("tau² (95 % interval)")),
				tile("i2", "I²", 2), tile("icc", "ICC", 3), tile("mor", "MOR", 2), by("spread", named("Shrunken 10 – 50 – 90 %")),
			},
		},
		Options: object{
			"reduceOptions": object{"calcs": []string{"lastNotNull"}, "fields": "/.*/", "values": false},
			"orientation":   "auto", "textMode": "value_and_name", "colorMode": "none", "graphMode": "none", "justifyMode": "center",
			"wideLayout": false, "showPercentChange": false, "percentChangeColorMode": "standard",
			"text": object{"titleSize": 13, "valueSize": 18},
		},
	}
}

// funnelInWords says what the funnel is, and names the units that it lacks.
func funnelInWords() Target {
	return query("A", `
WITH compared AS (
  SELECT *
  FROM `+funnelUnits()+`
)
SELECT about, words
FROM (
  SELECT 1 AS place, 'Indicator' AS about, `+indicatorWords+` AS words
  FROM indicator
  WHERE indicator = `+value("indicator")+`
    AND indicator_version = `+value("version")+`
  UNION ALL
  SELECT 2, 'Funnel', if(count() = 0,
      'There is no funnel for this choice: either the indicator is a count or a percentile, which has none, or no mature period has been released. This is not a zero.',
      concat(toString(countIf(state = 'value')), ' of ', toString(count()), ' units, over ', toString(min(period_start)), ' until before ', toString(max(period_end)),
        ', data through ', toString(max(data_through)), '. ', any(why)))
  FROM compared
  UNION ALL
  SELECT 3, 'Beyond the limits', concat(toString(countIf(outlier != 0)), ' units beyond the 99.8 % limits, ',
      toString(countIf(ifNull(`+beyond95+`, 0))), ' more beyond the 95 % limits. Limits tell special from common variation; they do not rank.')
  FROM compared
  WHERE state = 'value'
  HAVING count() > 0
  UNION ALL
  SELECT 4 + min(place), concat('Not compared: ', word), concat(toString(count()), if(count() = 1, ' unit: ', ' units: '),
      arrayStringConcat(arraySort(name -> lowerUTF8(name), groupArray(unit_name)), ', '), '. ', any(means))
  FROM (
    SELECT unit_name, `+stateWord()+` AS word,
      `+stateMeans()+` AS means,
      `+stateOrder+` AS place
    FROM compared
    WHERE state != 'value'
  )
  GROUP BY word
)
ORDER BY place, about`)
}

// units is the table of units, by name.
func units(id int) Panel {
	return table(id, "Units, by name", "In the order of their names. Without a value a unit says why; it is not a zero.",
		GridPos{H: 14, W: 24, X: 0, Y: 29}, query("A", `
SELECT
  unit_name,
  unit,
  toString(state) AS state,
  if(state = 'value', value, NULL) AS shown,
  if(state = 'value', denominator, NULL) AS size,
  `+place+` AS place,
  if(state = 'value', lcl95, NULL) AS lower_95,
  if(state = 'value', ucl95, NULL) AS upper_95,
  if(state = 'value', lcl998, NULL) AS lower_998,
  if(state = 'value', ucl998, NULL) AS upper_998
FROM `+funnelUnits()+`
ORDER BY lowerUTF8(unit_name), unit`),
		by("unit_name", named("Unit"), prop("links", []object{unitLink()})), by("unit", named("Code"), width(130)), inState(),
		by("shown", named("Value"), width(110), prop("decimals", 2)), by("size", named("Size"), width(120)),
		by("place", named("Place"), width(130)),
		by("lower_95", named("Lower 95 %"), width(110), prop("decimals", 2)), by("upper_95", named("Upper 95 %"), width(110), prop("decimals", 2)),
		by("lower_998", named("Lower 99.8 %"), width(110), prop("decimals", 2)), by("upper_998", named("Upper 99.8 %"), width(110), prop("decimals", 2)))
}
