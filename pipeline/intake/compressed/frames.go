package compressed

import (
	"encoding/binary"

	"larstrom/pipeline/intake/record"
)

// maxSkipped is how much of the frames that nobody unpacks is kept to be looked
// at.
const maxSkipped = 1 << 20

// frames follows a Zstandard stream past its frames, without unpacking them, and
// keeps what stands in those that are to be skipped (RFC 8878, 3.1.2). What is no
// stream is the decoder's to tell.
type frames struct {
	step    func(b []byte) // takes what was asked for
	want    int            // bytes that the step asks for
	have    []byte
	pass    int64 // bytes that are passed before
	sum     bool  // a checksum ends the frame
	keep    bool  // what is passed is kept
	skipped []byte
	over    bool // more than is kept
	lost    bool // it is none that is followed
}

func newFrames() *frames {
	f := &frames{}
	f.next()
	return f
}

func (f *frames) ask(n int, step func([]byte)) { f.want, f.have, f.step = n, f.have[:0], step }

// Write takes the next part of the stream. It never fails.
func (f *frames) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 && !f.lost {
		if f.pass > 0 {
			part := p[:min(int64(len(p)), f.pass)]
			if f.keep {
				if f.over = f.over || len(f.skipped)+len(part) > maxSkipped; !f.over {
					f.skipped = append(f.skipped, part...)
				}
			}
			f.pass -= int64(len(part))
			p = p[len(part):]
			continue
		}
		part := p[:min(len(p), f.want-len(f.have))]
		f.have = append(f.have, part...)
		if p = p[len(part):]; len(f.have) == f.want {
			f.step(f.have)
		}
	}
	return n, nil
}

// next begins a frame.
func (f *frames) next() {
	f.ask(8, func(b []byte) {
		f.keep = false
		switch magic := binary.LittleEndian.Uint32(b); {
		case magic&^0xf == 0x184D2A50:
			f.skipped = append(f.skipped, ' ') // one is not the other's beginning
			f.next()
			f.pass, f.keep = int64(binary.LittleEndian.Uint32(b[4:])), true
		case magic != 0xFD2FB528:
			f.lost = true
		default:
			f.header(b[4], b[5:8])
		}
	})
}

// header passes what is left of a frame's header.
func (f *frames) header(descriptor byte, read []byte) {
	single := descriptor&0x20 != 0
	size := [...]int{0, 1, 2, 4}[descriptor&3] + [...]int{0, 2, 4, 8}[descriptor>>6]
	switch {
	case !single:
		size++ // the window
	case descriptor>>6 == 0:
		size++ // a content size of one byte
	}
	f.sum = descriptor&4 != 0
	if size >= len(read) {
		f.pass = int64(size - len(read))
		f.block(nil)
		return
	}
	f.block(read[size:])
}

// block reads the header of a block, some of which has been read.
func (f *frames) block(read []byte) {
	read = append([]byte(nil), read...)
	f.ask(3, func(b []byte) {
		head := uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16
		if f.pass = int64(head >> 3); head>>1&3 == 1 {
			f.pass = 1 // one byte that is repeated
		}
		if head&1 == 0 {
			f.block(nil)
			return
		}
		if f.sum {
			f.pass += 4
		}
		f.next()
	})
	f.have = append(f.have, read...)
}

// fault is that of frames that hold more than can be looked through.
func (f *frames) fault() error {
	if !f.over {
		return nil
	}
	return &record.Error{Rule: "C15", Text: "the zstd stream has frames that are to be skipped, with more in them than is looked through",
		Hint: "let the sender write it with a program that adds none"}
}
