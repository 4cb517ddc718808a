package warehouse
func (s Scope) SQLs() (string) { g:=s.Indicators[0].Period; return s.cellsSQL(g, s.Indicators[:1]) }
func (s Scope) RSQL() (string) { g:=s.Indicators[0].Period; return s.rejectedSQL(g) }
