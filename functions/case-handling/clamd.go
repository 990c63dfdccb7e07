package function

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"ipcredit/shared/evidence/custody"
)

// scanner is a clamd (clamd(8), command INSTREAM); the zero one is none.
type scanner struct{ network, address string }

// newScanner reads the clamd_addr setting: host:port, tcp://host:port or
// unix:///path.
func newScanner(setting string) (scanner, error) {
	switch {
	case setting == "":
		return scanner{}, nil
	case strings.HasPrefix(setting, "unix://"):
		return scanner{"unix", strings.TrimPrefix(setting, "unix://")}, nil
	}
	address := strings.TrimPrefix(setting, "tcp://")
	if _, _, err := net.SplitHostPort(address); err != nil {
		return scanner{}, fmt.Errorf("case-handling: clamd_addr: %w", err)
	}
	return scanner{"tcp", address}, nil
}

// scanTime is how long the scanner may take over one file (ours to choose): a
// call of the function ends after 18 seconds.
const scanTime = 12 * time.Second

// scan asks the scanner about what write writes. An error is write's own;
// whatever is wrong with the scanner is in the answer.
func (c scanner) scan(ctx context.Context, write func(io.Writer) error) (custody.Scan, error) {
	if c.network == "" {
		return custody.Scan{}, write(io.Discard)
	}
	away := custody.Scan{Asked: true, Why: custody.WhyAway}
	limited, cancel := context.WithTimeout(ctx, scanTime)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(limited, c.network, c.address)
	if err != nil {
		return away, write(io.Discard)
	}
	defer func() { _ = conn.Close() }()
	deadline, _ := limited.Deadline()
	_ = conn.SetDeadline(deadline)
	stop := context.AfterFunc(limited, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	out := &chunks{w: conn}
	_, out.err = io.WriteString(conn, "zINSTREAM\x00")
	if err := write(out); err != nil {
		return away, err
	}
	// Its refusal may have come before everything was sent.
	_, _ = conn.Write([]byte{0, 0, 0, 0})
	reply, err := bufio.NewReader(io.LimitReader(conn, 4096)).ReadString(0)
	if err != nil && !errors.Is(err, io.EOF) {
		return away, nil
	}
	return verdict(strings.Trim(reply, "\x00\r\n "), out.err == nil), nil
}

// verdict reads clamd's reply.
func verdict(reply string, whole bool) custody.Scan {
	s := custody.Scan{Asked: true}
	said := strings.TrimPrefix(reply, "stream: ")
	switch {
	case strings.HasSuffix(said, " FOUND"):
		s.Virus, s.Whole = strings.TrimSuffix(said, " FOUND"), true
	case said == "OK" && whole:
		s.Whole = true
	case strings.Contains(said, "size limit"):
		s.Why = custody.WhyTooLong
	default:
		s.Why = custody.WhyAway
	}
	return s
}

// chunks writes each Write as a chunk of INSTREAM. After the connection has
// failed it takes the rest and drops it: the file is hashed all the same.
type chunks struct {
	w   io.Writer
	err error
}

// chunk is how much goes into one chunk; clamd takes any length up to its limit.
const chunk = 1 << 20

func (c *chunks) Write(b []byte) (int, error) {
	for rest := b; len(rest) > 0 && c.err == nil; {
		part := rest[:min(len(rest), chunk)]
		rest = rest[len(part):]
		head := binary.BigEndian.AppendUint32(nil, uint32(len(part)))
		if _, c.err = c.w.Write(head); c.err == nil {
			_, c.err = c.w.Write(part)
		}
	}
	return len(b), nil
}
