package simulate

import "fmt"

// identity is a personal identity number as a country writes it. Its check
// digits hold, and its range is one that is never given to a person:
//
//   - SE: serial numbers 238 and 239, which the tax agency keeps for tests;
//   - NO: the month plus 80, as in synthetic test populations;
//   - DK: birth in 1858 to 1863: nobody of them lived when numbers were given
//     first, in 1968; with the modulus 11 of numbers before 2007;
//   - FI: individual numbers from 900 on, which are temporary.
func identity(country string, d stream) string {
	for {
		day, month, year := 1+d.IntN(28), 1+d.IntN(12), 30+d.IntN(65)
		switch country {
		case "NO":
			if s, ok := norwegian(fmt.Sprintf("%02d%02d%02d%03d", day, month+80, year, d.IntN(500))); ok {
				return s
			}
		case "DK":
			if s, ok := danish(fmt.Sprintf("%02d%02d%02d%03d", day, month, 58+year%6, 500+d.IntN(400))); ok {
				return s
			}
		case "FI":
			return finnish(fmt.Sprintf("%02d%02d%02d", day, month, year), 900+d.IntN(100))
		default:
			return swedish(fmt.Sprintf("%02d%02d%02d", year, month, day), 238+d.IntN(2), d.IntN(2) == 0)
		}
	}
}

// swedish has the check digit of Luhn over nine digits of birth and serial.
func swedish(birth string, serial int, century bool) string {
	nine := fmt.Sprintf("%s%03d", birth, serial)
	sum := 0
	for i, c := range nine {
		x := int(c-'0') * (2 - i%2)
		sum += x/10 + x%10
	}
	s := fmt.Sprintf("%s-%03d%d", birth, serial, (10-sum%10)%10)
	if century {
		s = "19" + s
	}
	return s
}

func weighted(s string, weights ...int) int {
	sum := 0
	for i, w := range weights {
		sum += int(s[i]-'0') * w
	}
	return (11 - sum%11) % 11
}

// norwegian has two check digits of modulus 11; some numbers have none.
func norwegian(nine string) (string, bool) {
	a := weighted(nine, 3, 7, 6, 1, 8, 9, 4, 5, 2)
	if a == 10 {
		return "", false
	}
	ten := fmt.Sprintf("%s%d", nine, a)
	b := weighted(ten, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)
	return fmt.Sprintf("%s%d", ten, b), b != 10
}

// danish has one check digit of modulus 11; some numbers have none.
func danish(nine string) (string, bool) {
	a := weighted(nine, 4, 3, 2, 7, 6, 5, 4, 3, 2)
	return fmt.Sprintf("%s-%s%d", nine[:6], nine[6:], a), a != 10
}

// finnish has a check character of modulus 31.
func finnish(birth string, individual int) string {
	n := 0
	for _, c := range birth {
		n = n*10 + int(c-'0')
	}
	return fmt.Sprintf("%s-%03d%c", birth, individual, "0123456789ABCDEFHJKLMNPRSTUVWXY"[(n*1000+individual)%31])
}
