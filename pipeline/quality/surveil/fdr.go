package surveil

import (
	"cmp"
	"slices"
)

// Select controls the false discoveries of a night at rate q. A task is what a
// person would be asked: it holds the p-values of one series and class at all
// scales, and its own is Simes' of them. One Benjamini-Hochberg over all tasks
// of the night decides which of them exist, so that the rate holds over what
// people see however the findings are spread. Inside a task the scales pass at
// its level; inside each family (class and scale) there is a second
// Benjamini-Hochberg at the level q*R/F that Benjamini and Bogomolov (2014)
// give when R of F families are selected by their Simes p-values, so that a
// family with many findings lends its level to none without.
//
// task[i] and family[i] are those of p[i], numbered from 0; no number of either
// may be left out. P-values that are NaN count as 1.
func Select(p []float64, family, task []int, q float64) []bool {
	return choose(p, family, task, idleOf{family: -1}, q)
}

// idleOf are hypotheses of a family that nothing speaks for, each a task of its
// own: they are too many to be listed.
type idleOf struct{ n, family int }

func choose(p []float64, family, task []int, idle idleOf, q float64) []bool {
	out := make([]bool, len(p))
	families, tasks := idle.family+1, 0
	for i := range p {
		families = max(families, family[i]+1)
		tasks = max(tasks, task[i]+1)
	}
	// Nothing above q can pass anywhere: only the rest is sorted.
	order := make([]int, 0, 1024)
	inFamily, inTask := make([]int, families), make([]int, tasks)
	for i, v := range p {
		inFamily[family[i]]++
		inTask[task[i]]++
		if v <= q {
			order = append(order, i)
		}
	}
	tasks += idle.n
	if idle.n > 0 {
		inFamily[idle.family] += idle.n
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Or(cmp.Compare(p[a], p[b]), cmp.Compare(a, b)) })
	taskP, _ := simes(p, order, task, inTask)
	familyP, within := simes(p, order, family, inFamily)
	byP := make([]float64, 0, len(order))
	for _, v := range taskP {
		if v <= q {
			byP = append(byP, v)
		}
	}
	slices.Sort(byP)
	found := steps(byP, tasks, q)
	byFamily := slices.Clone(familyP)
	slices.Sort(byFamily)
	selected := steps(byFamily, families, q)
	if found == 0 || selected == 0 {
		return out
	}
	worstTask, worstFamily := byP[found-1], byFamily[selected-1]
	taskLevel, familyLevel := q*float64(found)/float64(tasks), q*float64(selected)/float64(families)
	for f, list := range within {
		if familyP[f] > worstFamily {
			continue
		}
		v := make([]float64, len(list))
		for k, i := range list {
			v[k] = p[i]
		}
		for _, i := range list[:steps(v, inFamily[f], familyLevel)] {
			out[i] = taskP[task[i]] <= worstTask && p[i] <= taskLevel
		}
	}
	return out
}

// simes is the p-value of each group, with its members in ascending order.
func simes(p []float64, order, group, size []int) (of []float64, members [][]int) {
	of, members = make([]float64, len(size)), make([][]int, len(size))
	for g := range of {
		of[g] = 1
	}
	for _, i := range order {
		g := group[i]
		members[g] = append(members[g], i)
		of[g] = min(of[g], p[i]*float64(size[g])/float64(len(members[g])))
	}
	return of, members
}

// steps is Benjamini and Hochberg's step-up: how many of the ascending p-values,
// of total hypotheses, are selected at rate q.
func steps(ascending []float64, total int, q float64) int {
	for k := len(ascending); k > 0; k-- {
		if ascending[k-1] <= q*float64(k)/float64(total) {
			return k
		}
	}
	return 0
}
