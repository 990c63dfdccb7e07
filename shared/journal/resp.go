package journal

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"

	"github.com/klauspost/compress/s2"
	"github.com/redis/go-redis/v9"
)

// encode writes commands as the Redis protocol does (RESP2 arrays of bulk
// strings), so that an entry's writes can be read, and even replayed, with the
// tools every Redis operator has.
func encode(commands [][]string) []byte {
	size := 0
	for _, c := range commands {
		size += 8
		for _, a := range c {
			size += len(a) + 12
		}
	}
	b := make([]byte, 0, size)
	for _, c := range commands {
		b = append(b, '*')
		b = strconv.AppendInt(b, int64(len(c)), 10)
		b = append(b, "\r\n"...)
		for _, a := range c {
			b = append(b, '$')
			b = strconv.AppendInt(b, int64(len(a)), 10)
			b = append(b, "\r\n"...)
			b = append(b, a...)
			b = append(b, "\r\n"...)
		}
	}
	return b
}

// packFrom is how long the writes of an entry are, in bytes, from which on the
// stream holds them packed (S2).
// Redis writes an entry to its disk and keeps it in memory until it is archived,
// and the writes of an import say nearly the same in each row. The archive holds
// all entries unpacked, as its segments are packed as a whole.
const packFrom = 64 << 10

// longest is how many bytes of writes one entry has at most. Redis takes no longer
// string, so nothing longer is packed, and what says that it unpacks to more was
// altered.
const longest = 512 << 20

// packed are the writes as the stream holds them, with the version that says so.
func packed(writes []byte) ([]byte, string) {
	if len(writes) < packFrom || len(writes) > longest {
		return writes, schema // the longer ones Redis refuses
	}
	return s2.Encode(nil, writes), schemaPacked
}

// unpackEntry gives an entry of the stream its writes as packed found them.
func unpackEntry(e redis.XMessage) error {
	w, _ := e.Values["w"].(string)
	e.Values[stored] = len(w)
	if e.Values["v"] != schemaPacked {
		return nil
	}
	writes, err := unpackedWrites(schemaPacked, w)
	if err != nil {
		return fmt.Errorf("%w: entry %s: %w", ErrBroken, e.ID, err)
	}
	e.Values["w"], e.Values["v"] = string(writes), schema
	return nil
}

// unpackedWrites are the writes of an entry of this version.
func unpackedWrites(version, w string) ([]byte, error) {
	if version != schemaPacked {
		return []byte(w), nil
	}
	n, err := s2.DecodedLen([]byte(w))
	if err == nil && n > longest {
		err = errEncoding
	}
	if err != nil {
		return nil, err
	}
	return s2.Decode(nil, []byte(w))
}

// stored is where unpackEntry notes how many bytes the stream held.
const stored = "stored"

var errEncoding = errors.New("journal: entry is not a list of commands")

// decode is the reverse of encode. Anything else is refused whole: half a
// replay is worse than none.
func decode(data []byte) ([][]string, error) {
	var commands [][]string
	for len(data) > 0 {
		n, rest, err := head(data, '*')
		if err != nil {
			return nil, err
		}
		data = rest
		// Each argument takes at least five bytes: a length that cannot be true
		// must not make us allocate.
		if n < 1 || n > len(data)/5 {
			return nil, errEncoding
		}
		command := make([]string, n)
		for i := range command {
			size, rest, err := head(data, '$')
			if err != nil {
				return nil, err
			}
			if size < 0 || size+2 > len(rest) || rest[size] != '\r' || rest[size+1] != '\n' {
				return nil, errEncoding
			}
			command[i] = string(rest[:size])
			data = rest[size+2:]
		}
		commands = append(commands, command)
	}
	return commands, nil
}

func head(data []byte, mark byte) (int, []byte, error) {
	if len(data) == 0 || data[0] != mark {
		return 0, nil, errEncoding
	}
	end := bytes.Index(data, []byte("\r\n"))
	if end < 0 {
		return 0, nil, errEncoding
	}
	n, err := strconv.Atoi(string(data[1:end]))
	if err != nil {
		return 0, nil, fmt.Errorf("%w: %q", errEncoding, data[1:end])
	}
	return n, data[end+2:], nil
}
