package disclosure

import (
	"math"
	"math/big"
	"strconv"
	"strings"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
)

// squares is a sum of squares in fixed-point units squared; the largest number
// that fits where it does not.
func squares(v float64) cell.Fixed {
	b, _ := new(big.Float).Mul(big.NewFloat(v), big.NewFloat(cell.Micro*cell.Micro)).Int(nil)
	f, ok := cell.FixedOfBig(b)
	if !ok {
		return cell.Fixed{Hi: math.MaxInt64, Lo: math.MaxUint64}
	}
	return f
}

func probability(ind *catalog.Indicator) float64 {
	if ind.Type == catalog.Percentile {
		return ind.Percentile / 100
	}
	return 0.5
}

// quantile is the type 7 quantile (Hyndman & Fan 1996) of a cell's histogram;
// NaN where it is none.
func quantile(histogram string, q float64) float64 {
	var values, upTo []int64
	var n int64
	for part := range strings.FieldsSeq(histogram) {
		v, c, _ := strings.Cut(part, "*")
		value, err1 := strconv.ParseInt(v, 10, 64)
		count, err2 := strconv.ParseInt(c, 10, 64)
		if err1 != nil || err2 != nil {
			return math.NaN()
		}
		n += count
		values, upTo = append(values, value), append(upTo, n)
	}
	if n == 0 {
		return math.NaN()
	}
	h := float64(n-1) * q
	lo := int64(math.Floor(h))
	at := func(i int64) float64 {
		for k, end := range upTo {
			if i < end {
				return float64(values[k]) / cell.Micro
			}
		}
		return float64(values[len(values)-1]) / cell.Micro
	}
	x, y := at(lo), at(min(lo+1, n-1))
	return x + (h-float64(lo))*(y-x)
}
