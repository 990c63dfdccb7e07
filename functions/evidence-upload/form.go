package function

import (
	"bufio"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"ipcredit/shared/evidence"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/page"
	"ipcredit/shared/workday"
)

// The form for browsers without scripts: one file a page, and a list of what has
// arrived. Names and hashes of the files stand in the page alone: the form carries
// them from one answer to the next, and the server forgets them.

// scriptWords are the sentences the page's script shows: keys below
// "evidence-upload.js." and names in its script.
var scriptWords = []string{
	"waiting", "hashing", "sending", "paused", "retrying", "done", "failed", "pause", "resume", "drop", "place", "place-send", "place-drop",
	"empty", "large", "kind", "hash", "all-done",
}

func wordsFor(lang page.Lang) (string, error) {
	words := map[string]string{}
	for _, w := range scriptWords {
		words[w] = page.Say(lang, "evidence-upload.js."+w)
	}
	text, err := json.Marshal(words)
	if err != nil {
		return "", fmt.Errorf("evidence-upload: words: %w", err)
	}
	return string(text), nil
}

// arrived is one file as its sender sees it.
type arrived struct {
	N      int
	Name   string // as carried by the page; empty where it is not known any more
	Size   string
	SHA256 string
	Whole  bool
	// Place says that the picture tells where it was taken.
	Place bool
}

// had is what the form carries of a file that arrived before.
func (a arrived) had() string {
	place := ""
	if a.Place {
		place = "1"
	}
	return url.Values{"n": {strconv.Itoa(a.N)}, "name": {a.Name}, "sha256": {a.SHA256}, "place": {place}}.Encode()
}

func readHad(values []string) map[int]arrived {
	had := map[int]arrived{}
	for _, v := range values {
		q, err := url.ParseQuery(v)
		n, nerr := strconv.Atoi(q.Get("n"))
		if err != nil || nerr != nil || n < 1 {
			continue // not from our page
		}
		sum, err := readHash(q.Get("sha256"))
		if err != nil {
			continue
		}
		had[n] = arrived{N: n, Name: evidence.Display(q.Get("name")), SHA256: sum, Place: q.Get("place") != ""}
	}
	return had
}

// carried are fields that the page which sent the reader here wants back: every
// field whose name begins so is posted to the page's return address again.
const carriedPrefix = "carry."

// maxCarried bounds them.
const maxCarried = 256 << 10

type field struct{ Name, Value string }

type formPage struct {
	*page.Form
	Files []arrived
	Had   []string
	// Carried come back with the return button; Return is where it leads.
	Carried, Back []field
	Return        string
	Ticket        string
	Endpoint      string
	Limits        evidence.Limits
	FileSize      string
	TotalSize     string
	Accept        string
	Until         time.Time
	Room          bool
	Added         *arrived
	Leave         *leave
	PlainSeconds  int
	PlainSize     string
	HereURL       string
	RemoveURL     string
	Words         string // what the page's script says, JSON
}

// form shows the page.
func (d *desk) form(w http.ResponseWriter, r *http.Request) error {
	b, err := d.evidence.Open(r.Context(), r.PathValue("token"))
	if err != nil {
		return err
	}
	return d.showForm(w, r, http.StatusOK, b, formFields{}, nil, nil)
}

// formFields are what the page's forms carry besides the file.
type formFields struct {
	had     map[int]arrived
	carried []field
	ticket  string
}

func (d *desk) showForm(w http.ResponseWriter, r *http.Request, status int, b evidence.Box, in formFields, added *arrived, refused *fault.Error) error {
	all, err := d.evidence.Files(r.Context(), b.ID)
	if err != nil {
		return err
	}
	l := d.evidence.Limits()
	data := formPage{
		Form: page.NewForm(nil), Carried: in.carried, Ticket: rand.Text(), Limits: l, Until: b.Ends(),
		FileSize: evidence.Size(l.FileBytes), TotalSize: evidence.Size(l.TotalBytes), Accept: strings.Join(l.Extensions(), ","),
		Endpoint: fn.Prefix(r) + "/files/" + r.PathValue("token"), Room: l.Room(b), Added: added,
	}
	data.HereURL = d.pages.URL(r, "/forms", r.PathValue("token"))
	data.RemoveURL = d.pages.URL(r, "/forms", r.PathValue("token"), "remove")
	if data.Words, err = wordsFor(fn.Lang(r)); err != nil {
		return err
	}
	if b.Return != "" {
		data.Return = d.pages.URL(r, b.Return)
	}
	for _, f := range in.carried {
		data.Back = append(data.Back, field{strings.TrimPrefix(f.Name, carriedPrefix), f.Value})
	}
	data.Leave = d.away(r, b, data.Back)
	data.PlainSeconds, data.PlainSize = int(plainTime().Seconds()), evidence.Size(plainSize(plainTime()))
	if refused != nil {
		data.Form.Refuse(fn.Lang(r), refused)
	}
	for _, f := range all {
		a := arrived{N: f.N, Whole: f.State == evidence.Whole, Size: evidence.Size(max(f.Size, f.Offset))}
		if before, ok := in.had[f.N]; ok {
			a.Name, a.SHA256, a.Place = before.Name, before.SHA256, before.Place
			data.Had = append(data.Had, a.had())
		}
		data.Files = append(data.Files, a)
	}
	w.Header().Set("Cache-Control", "no-store")
	return d.pages.Show(w, r, status, "form", data)
}

// remove drops a file at its sender's wish.
func (d *desk) remove(w http.ResponseWriter, r *http.Request) error {
	b, err := d.evidence.Open(r.Context(), r.PathValue("token"))
	if err != nil {
		return err
	}
	values, err := urlencoded(r)
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(values.Get("n"))
	if err != nil {
		return fault.New(fault.NotFound, "evidence.no_file")
	}
	in := fieldsOf(values)
	delete(in.had, n)
	err = d.evidence.Terminate(r.Context(), b, n)
	if f, refused := fault.Of(err); refused && f.Kind != fault.Ended { // already gone is what was wished
		return d.again(w, r, b, in, f)
	}
	if err != nil && !fault.Is(err, fault.Ended) {
		return err
	}
	if b, err = d.evidence.Open(r.Context(), r.PathValue("token")); err != nil {
		return err
	}
	return d.showForm(w, r, http.StatusOK, b, in, nil, nil)
}

func urlencoded(r *http.Request) (url.Values, error) {
	body, err := fn.Body(r)
	if err != nil {
		return nil, err
	}
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, fault.New(fault.Invalid, "evidence.failed").Because(err)
	}
	return values, nil
}

func fieldsOf(values url.Values) formFields {
	in := formFields{had: readHad(values["had"]), ticket: values.Get("ticket")}
	size := 0
	for name, all := range values {
		if !strings.HasPrefix(name, carriedPrefix) {
			continue
		}
		for _, v := range all {
			if size += len(name) + len(v); size <= maxCarried {
				in.carried = append(in.carried, field{name, v})
			}
		}
	}
	sort.Slice(in.carried, func(i, j int) bool { return in.carried[i].Name < in.carried[j].Name })
	return in
}

// again shows the form with what was wrong.
func (d *desk) again(w http.ResponseWriter, r *http.Request, b evidence.Box, in formFields, f *fault.Error) error {
	if len(f.Fields) == 0 {
		f = fault.New(f.Kind, f.Code, f.Args...).With("file", f.Code, f.Args...)
	}
	return d.showForm(w, r, fn.Status(f.Kind), b, in, nil, f)
}

// reading is a form whose body comes in several calls: what arrives is written
// into the pipe, and a reader at its other end seals and stores it.
type reading struct {
	into *io.PipeWriter
	done chan struct{}
	stop context.CancelFunc
	// Set when done is closed.
	fields formFields
	file   *arrived
	err    error
}

// takeForm takes one call's piece of a form. A form without a file, as a page of
// this site posts it to bring its fields along, shows the page.
func (d *desk) takeForm(w http.ResponseWriter, r *http.Request) error {
	b, err := d.evidence.Open(r.Context(), r.PathValue("token"))
	if err != nil {
		return err
	}
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err == nil && kind == "application/x-www-form-urlencoded" && fn.PieceOf(r).Last {
		values, err := urlencoded(r)
		if err != nil {
			return err
		}
		return d.showForm(w, r, http.StatusOK, b, fieldsOf(values), nil, nil)
	}
	if err != nil || kind != "multipart/form-data" || params["boundary"] == "" {
		return fault.New(fault.WrongType, "evidence-upload.form")
	}
	p := fn.PieceOf(r)
	if p.Offset == 0 && p.Total > d.evidence.Limits().FileBytes+maxCarried+(1<<20) {
		l := d.evidence.Limits().FileBytes
		return d.again(w, r, b, formFields{}, fault.New(fault.TooLarge, "evidence.file_size", evidence.Size(l)))
	}
	key := "form " + b.ID + " " + p.ID
	x, _ := d.running.of(key).(*reading)
	switch {
	case x == nil && p.Offset > 0:
		return fault.New(fault.Invalid, "evidence.failed")
	case x == nil:
		x = d.read(b, params["boundary"])
		d.running.keep(key, x, x.giveUp)
	}
	body, err := fn.Body(r)
	if err != nil {
		return err
	}
	// A reader that has refused takes nothing more; the rest of the body is still
	// heard out, for a browser shows an answer only when it has sent all.
	_, _ = x.into.Write(body)
	if !p.Last && !p.Cut {
		return nil
	}
	d.running.done(key)
	if p.Cut {
		x.giveUp()
		return fault.New(fault.Invalid, "fn.body_cut")
	}
	_ = x.into.Close()
	<-x.done
	x.stop()
	if f, refused := fault.Of(x.err); refused {
		return d.again(w, r, b, x.fields, f)
	}
	if x.err != nil {
		return x.err
	}
	if b, err = d.evidence.Open(r.Context(), r.PathValue("token")); err != nil {
		return err
	}
	if x.fields.had == nil {
		x.fields.had = map[int]arrived{}
	}
	x.fields.had[x.file.N] = *x.file
	return d.showForm(w, r, http.StatusOK, b, x.fields, x.file, nil)
}

// giveUp ends a reading whose sender has gone; what was stored of it is an
// incomplete file like any other.
func (x *reading) giveUp() {
	_ = x.into.CloseWithError(errors.New("evidence-upload: the form broke off"))
	<-x.done
	x.stop()
}

func (d *desk) read(b evidence.Box, boundary string) *reading {
	ctx, stop := context.WithCancel(context.Background())
	from, into := io.Pipe()
	x := &reading{into: into, done: make(chan struct{}), stop: stop}
	go func() {
		defer close(x.done)
		x.file, x.err = d.readParts(ctx, b, multipart.NewReader(from, boundary), &x.fields)
		// Later writes return at once.
		_ = from.CloseWithError(io.ErrClosedPipe)
	}()
	return x
}

// readParts reads the fields before the file and then the file.
func (d *desk) readParts(ctx context.Context, b evidence.Box, m *multipart.Reader, in *formFields) (*arrived, error) {
	values, size := url.Values{}, 0
	for {
		part, err := m.NextPart()
		if errors.Is(err, io.EOF) {
			*in = fieldsOf(values)
			return nil, fault.New(fault.Refused, "evidence.no_file_chosen").With("file", "evidence.no_file_chosen")
		}
		if err != nil {
			return nil, fault.New(fault.Invalid, "evidence.failed").Because(err)
		}
		if part.FormName() == "file" {
			*in = fieldsOf(values)
			return d.readFile(ctx, b, part, in)
		}
		value, err := io.ReadAll(io.LimitReader(part, maxCarried))
		if size += len(value); err != nil || size > 2*maxCarried {
			return nil, fault.New(fault.Invalid, "evidence.failed")
		}
		values.Add(part.FormName(), string(value))
	}
}

// chunk is how much of a form's file is sealed and stored at a time.
const chunk = fn.MaxBody

// readFile stores the file of a form, whose size is not known before its end. A
// form sent twice with the same ticket stores it once.
func (d *desk) readFile(ctx context.Context, b evidence.Box, part *multipart.Part, in *formFields) (*arrived, error) {
	name := filename(part)
	body := bufio.NewReaderSize(part, 64<<10)
	if _, err := body.Peek(1); errors.Is(err, io.EOF) {
		code := "evidence.empty"
		if name == "" {
			code = "evidence.no_file_chosen"
		}
		return nil, fault.New(fault.Refused, code).With("file", code)
	}
	sum, got := sha256.New(), &arrived{Name: evidence.Display(name), Whole: true}
	before, err := d.sentBefore(ctx, b, in.ticket)
	if err != nil {
		return nil, err
	}
	if before > 0 {
		size, err := io.Copy(sum, body)
		if err != nil {
			return nil, fault.New(fault.Invalid, "evidence.failed").Because(err)
		}
		got.N, got.Size, got.SHA256 = before, evidence.Size(size), hex.EncodeToString(sum.Sum(nil))
		return got, nil
	}
	f, err := d.evidence.Create(ctx, b, evidence.NewFile{Name: name, Type: part.Header.Get("Content-Type"), Size: -1})
	if err != nil {
		return nil, err
	}
	buf := make([]byte, chunk)
	for last := false; !last; {
		n, err := io.ReadFull(body, buf)
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
			return nil, fault.New(fault.Invalid, "evidence.failed").Because(err)
		}
		_, err = body.Peek(1)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, fault.New(fault.Invalid, "evidence.failed").Because(err)
		}
		last = err != nil
		sum.Write(buf[:n])
		got.Place = got.Place || (f.Offset == 0 || last) && evidence.TellsPlace(buf[:n])
		whole := ""
		if last {
			whole = hex.EncodeToString(sum.Sum(nil))
		}
		if f, err = d.evidence.AppendPart(ctx, b, f.N, f.Offset, buf[:n], last, whole); err != nil {
			return nil, err
		}
	}
	got.N, got.Size, got.SHA256 = f.N, evidence.Size(f.Size), hex.EncodeToString(sum.Sum(nil))
	return got, d.evidence.Remember(ctx, b.ID, in.ticket, f.N)
}

// filename is the part's file name as the browser sent it. Part.FileName would
// keep the last element only, by this system's idea of a path.
func filename(part *multipart.Part) string {
	_, params, err := mime.ParseMediaType(part.Header.Get("Content-Disposition"))
	if err != nil {
		return part.FileName()
	}
	return params["filename"]
}

// sentBefore tells which file a form with this ticket has stored already, 0 for
// none.
func (d *desk) sentBefore(ctx context.Context, b evidence.Box, ticket string) (int, error) {
	n, err := d.evidence.Sent(ctx, b.ID, ticket)
	if err != nil || n == 0 {
		return 0, err
	}
	if f, err := d.evidence.File(ctx, b.ID, n); err != nil || f.State != evidence.Whole {
		return 0, err
	}
	return n, nil
}

// networks is the key that networks are tagged with. It is this process's own and
// written nowhere: with a copy of Redis nobody finds a network out by trying all.
// Another replica counts by other tags.
var networks = sync.OnceValue(func() []byte { return []byte(rand.Text()) })

// network tags the caller's network for counting tries, each day anew.
func (d *desk) network(r *http.Request) string {
	mac := hmac.New(sha256.New, networks())
	mac.Write([]byte(workday.DateOf(d.env.Now()).String() + "\n" + fn.Network(r)))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:16])
}
