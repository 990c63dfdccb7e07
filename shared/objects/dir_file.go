package objects

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// Names as files, and files as they are read and made durable.

// path is the file of an object.
func (d *dir) path(name string) string {
	parts := strings.Split(name, "/")
	for i, p := range parts {
		if parts[i] = escape(p); i < len(parts)-1 {
			parts[i] = folder(parts[i])
		}
	}
	return filepath.Join(d.root, filepath.Join(parts...)) + suffix
}

// folder keeps an escaped part from looking like an object's file.
func folder(escaped string) string {
	if name, ok := strings.CutSuffix(escaped, suffix); ok {
		return name + "%2eobj"
	}
	return escaped
}

// escape writes a part of a name so that names differing only in case, or in
// the form of an accent, stay different files on every file system. Lower-case
// letters, digits and "-_." stand for themselves; the rest is %hh.
func escape(part string) string {
	const hexDigits = "0123456789abcdef"
	var b strings.Builder
	for i := range len(part) {
		c := part[i]
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-', c == '_', c == '.' && i < len(part)-1:
			b.WriteByte(c)
		case c == '.' && part == reserved[:len(reserved)-1]:
			b.WriteByte(c)
		default:
			b.WriteByte('%')
			b.WriteByte(hexDigits[c>>4])
			b.WriteByte(hexDigits[c&15])
		}
	}
	return b.String()
}

// unescape is escape's inverse; false for what escape does not write.
func unescape(file string) (string, bool) {
	part := make([]byte, 0, len(file))
	for i := 0; i < len(file); i++ {
		if file[i] != '%' {
			part = append(part, file[i])
			continue
		}
		if i+3 > len(file) {
			return "", false
		}
		b, err := hex.DecodeString(file[i+1 : i+3])
		if err != nil {
			return "", false
		}
		part = append(part, b[0])
		i += 2
	}
	again := escape(string(part))
	return string(part), (again == file || folder(again) == file) && CheckName(string(part)) == nil
}

// openFile opens an object's file and reads its head; the body begins at start.
func openFile(path string) (f *os.File, h *head, start int64, err error) {
	f, err = os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, 0, ErrNotFound
	}
	if err != nil {
		return nil, nil, 0, err
	}
	line, err := bufio.NewReaderSize(io.LimitReader(f, maxHead), maxHead).ReadSlice('\n')
	if err == nil {
		h = new(head)
		err = json.Unmarshal(line, h)
	}
	if err == nil && h.Version != 1 {
		err = fmt.Errorf("file version %d", h.Version)
	}
	if err != nil {
		_ = f.Close()
		return nil, nil, 0, fmt.Errorf("%w: its first line: %w", ErrCorrupt, err)
	}
	return f, h, int64(len(line)), nil
}

func readHead(path string) (*head, error) {
	f, h, _, err := openFile(path)
	if err != nil {
		return nil, err
	}
	return h, f.Close()
}

// makeDir makes path and what is missing above it, durably.
func makeDir(path string) error {
	if fi, err := os.Stat(path); err == nil && fi.IsDir() {
		return nil
	}
	parent := filepath.Dir(path)
	if parent != path {
		if err := makeDir(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(parent)
}

// syncDir makes the entries of a directory durable.
func syncDir(path string) error {
	if runtime.GOOS == "windows" {
		return nil // NTFS journals names itself and cannot sync a directory
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	err = f.Sync()
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}
