package intake

import "math/big"

// ratio compares a sender's own rate with numerator by denominator (check
// C12). Its numbers are kept between rows.
type ratio struct {
	left, right, limit, ten, part big.Int
	multiplier                    float64
	times                         big.Rat
}

// maxSignificant is how many digits of a rate are compared: further ones are
// the noise of binary floating point.
const maxSignificant = 15

// fits reports whether the rate, as written, is within half a unit of its last
// digit of numerator by denominator, either as it is or times the indicator's
// multiplier (a proportion of 0.135 is also written 13.5). The rate is a
// number of the form; the denominator is above 0.
func (x *ratio) fits(form numberForm, rate []byte, numerator, denominator int64, multiplier float64) bool {
	var mantissa uint64
	decimals, significant, dropped := 0, 0, 0
	negative, fraction := rate[0] == '-' || rate[0] == 0xe2, false
	for _, c := range rate {
		switch {
		case c == form.decimal:
			fraction = true
		case c < '0' || c > '9':
		case significant == maxSignificant:
			if !fraction {
				dropped++
			}
		default:
			if mantissa > 0 || c != '0' {
				significant++
			}
			mantissa = mantissa*10 + uint64(c-'0')
			if fraction {
				decimals++
			}
		}
	}
	r := int64(mantissa)
	if negative {
		r = -r
	}
	slack := int64(1)
	if significant == maxSignificant {
		slack = 2 // the cut may have taken up to a unit
	}
	one := x.within(r, decimals, dropped, slack, numerator, denominator, 1)
	return one || multiplier != 0 && multiplier != 1 && x.within(r, decimals, dropped, slack, numerator, denominator, multiplier)
}

// within: |r·10^dropped/10^decimals − k·n/d| · 2 ≤ slack · 10^dropped/10^decimals.
func (x *ratio) within(r int64, decimals, dropped int, slack, n, d int64, k float64) bool {
	if x.multiplier != k {
		x.multiplier = k
		if x.times.SetFloat64(k) == nil {
			x.multiplier = 0
			return false
		}
	}
	power := func(e int) *big.Int { return x.ten.Exp(x.part.SetInt64(10), x.limit.SetInt64(int64(e)), nil) }
	// Both sides times d · denominator of k · 10^decimals.
	x.left.Mul(x.left.SetInt64(r), power(dropped))
	x.left.Mul(&x.left, x.part.SetInt64(d))
	x.left.Mul(&x.left, x.times.Denom())
	x.right.Mul(x.right.SetInt64(n), x.times.Num())
	x.right.Mul(&x.right, power(decimals))
	x.left.Sub(&x.left, &x.right)
	x.left.Abs(&x.left)
	x.left.Lsh(&x.left, 1)
	x.right.Mul(x.right.SetInt64(slack), power(dropped))
	x.right.Mul(&x.right, x.part.SetInt64(d))
	x.right.Mul(&x.right, x.times.Denom())
	return x.left.Cmp(&x.right) <= 0
}
