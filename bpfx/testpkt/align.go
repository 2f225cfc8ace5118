package testpkt

// A pair is two layers of one type, or one that the other packet doesn't have.
type pair struct{ want, got Layer }

// align pairs layers of the same type in the same order, as many as possible,
// so that a pushed tag is one difference and not many.
func align(want, got []Layer) []pair {
	pairs := make([]pair, 0, max(len(want), len(got)))
	for len(want) > 0 && len(got) > 0 && layerName(want[0]) == layerName(got[0]) {
		pairs = append(pairs, pair{want[0], got[0]})
		want, got = want[1:], got[1:]
	}
	common := longestCommon(want, got)
	i, j := 0, 0
	for i < len(want) || j < len(got) {
		switch {
		case i < len(want) && j < len(got) && layerName(want[i]) == layerName(got[j]):
			pairs = append(pairs, pair{want[i], got[j]})
			i, j = i+1, j+1
		case j == len(got) || i < len(want) && common[i+1][j] >= common[i][j+1]:
			pairs = append(pairs, pair{want: want[i]})
			i++
		default:
			pairs = append(pairs, pair{got: got[j]})
			j++
		}
	}
	return pairs
}

// longestCommon returns how many layers want[i:] and got[j:] have in common.
func longestCommon(want, got []Layer) [][]int {
	names := make([]string, len(got))
	for j, l := range got {
		names[j] = layerName(l)
	}
	common := make([][]int, len(want)+1)
	for i := range common {
		common[i] = make([]int, len(got)+1)
	}
	for i := len(want) - 1; i >= 0; i-- {
		name := layerName(want[i])
		for j := len(got) - 1; j >= 0; j-- {
			common[i][j] = max(common[i+1][j], common[i][j+1])
			if name == names[j] {
				common[i][j] = common[i+1][j+1] + 1
			}
		}
	}
	return common
}
