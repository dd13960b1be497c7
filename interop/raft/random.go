package main

// random is Quorate's seeded generator (src/base/random.ts): xoshiro128** seeded by splitmix32.
type random struct{ a, b, c, d uint32 }

func newRandom(seed uint32) *random {
	state := seed
	next := func() uint32 {
		state += 0x9e3779b9
		mixed := state ^ (state >> 16)
		mixed *= 0x21f0aaad
		mixed ^= mixed >> 15
		mixed *= 0x735a2d97
		return mixed ^ (mixed >> 15)
	}
	r := &random{a: next(), b: next(), c: next()}
	r.d = next() | 1
	return r
}

func (r *random) uint32() uint32 {
	product := r.b * 5
	result := ((product << 7) | (product >> 25)) * 9
	shifted := r.b << 9
	r.c ^= r.a
	r.d ^= r.b
	r.b ^= r.c
	r.a ^= r.d
	r.c ^= shifted
	r.d = (r.d << 11) | (r.d >> 21)
	return result
}

// below draws a whole number in [0, bound).
func (r *random) below(bound int) int {
	return int((uint64(r.uint32()) * uint64(bound)) >> 32)
}
