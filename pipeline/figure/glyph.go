package figure

// Glyphs are drawn around the origin with radius r; their shapes differ, not
// only their colours.

func (c *canvas) glyphValue(r float64) {
	c.empty("circle", "class", "lf-glyph-value", "r", coord(r), "fill", colPoint, "stroke", colPaper, "stroke-width", "1")
}

func (c *canvas) glyphSigma(r float64) {
	d := coord(r * 1.75)
	c.empty("path", "class", "lf-glyph-sigma", "d", "M0 -"+d+"L"+d+" 0L0 "+d+"L-"+d+" 0Z", "fill", colSigma, "stroke", colPaper, "stroke-width", "1")
}

func (c *canvas) glyphRuns(r float64) {
	d, s := coord(-r*1.15), coord(r*2.3)
	c.empty("rect", "class", "lf-glyph-runs", "x", d, "y", d, "width", s, "height", s, "fill", colRuns, "stroke", colPaper, "stroke-width", "1")
}

func (c *canvas) glyphBoth(r float64) {
	d, s := coord(-r*1.9), coord(r*3.8)
	c.glyphSigma(r)
	c.empty("rect", "class", "lf-glyph-both", "x", d, "y", d, "width", s, "height", s, "fill", "none", "stroke", colRuns, "stroke-width", "1.5")
}

func (c *canvas) glyphPreliminary(r float64) {
	c.empty("circle", "class", "lf-glyph-preliminary", "r", coord(r), "fill", colPaper, "stroke", colPoint, "stroke-width", "1.6")
}

func (c *canvas) glyphHeld(r float64) {
	c.empty("circle", "class", "lf-glyph-held", "r", coord(r*0.85), "fill", colHeld)
	c.empty("circle", "class", "lf-glyph-ring", "r", coord(r*1.6), "fill", "none", "stroke", colHeld, "stroke-width", "1.2")
}

// glyphAbsent is the mark of a state without a value, on the time axis.
func (c *canvas) glyphAbsent(s State, r float64) {
	stroke := func(d string) {
		c.empty("path", "class", "lf-absent", "d", d, "fill", "none", "stroke", colAbsent, "stroke-width", "1.6")
	}
	a, b := coord(r), coord(r*0.45)
	switch s {
	case HeldEmpty: // paused
		stroke("M-" + b + " -" + a + "V" + a + "M" + b + " -" + a + "V" + a)
	case Suppressed: // blacked out
		c.empty("rect", "class", "lf-absent-fill", "x", "-"+coord(r*1.25), "y", "-"+b, "width", coord(r*2.5), "height", coord(r*0.9), "fill", colAbsent)
	case Missing: // crossed out
		stroke("M-" + a + " -" + a + "L" + a + " " + a + "M-" + a + " " + a + "L" + a + " -" + a)
	case NoEligible: // nought
		c.empty("ellipse", "class", "lf-absent", "rx", coord(r*0.7), "ry", a, "fill", "none", "stroke", colAbsent, "stroke-width", "1.6")
	default: // not applicable: struck through
		stroke("M-" + b + " " + a + "L" + b + " -" + a)
	}
}

func (c *canvas) glyphHighlight(r float64) {
	c.empty("circle", "class", "lf-glyph-highlight", "r", coord(r*2), "fill", "none", "stroke", colTarget, "stroke-width", "2")
}

func (c *canvas) glyphExcluded(r float64) {
	a := coord(r)
	c.empty("path", "class", "lf-absent", "d", "M-"+a+" 0H"+a+"M0 -"+a+"V"+a, "fill", "none", "stroke", colAbsent, "stroke-width", "1.6")
}
