// Package function is where the public tips off: the form, the receipt, and
// what becomes of a report.
//
// Nothing that was typed stands in clear anywhere but in the answer to whoever
// typed it: a draft is sealed with a key that only the reporter's device has, a
// report with keys that this function does not hold, and neither an address of
// a page nor a log line has room for a secret.
package function

import (
	"embed"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	handler "github.com/openfaas/templates-sdk/go-http"

	drafts "ipcredit/shared/draft"
	"ipcredit/shared/evidence"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/notary"
	"ipcredit/shared/open"
	"ipcredit/shared/page"
	"ipcredit/shared/seal"
	"ipcredit/shared/subject"
	"ipcredit/shared/tipoff"
)

// Needs is what this function opens: the public keys that reports are sealed to,
// the key that receipts and tickets are derived from, and the key that signs
// receipts. It holds nothing that opens a report.
var Needs = open.Needs{
	Function: "report-intake", Redis: open.Write, Objects: open.Store,
	Secrets: []string{"custodian-recipient", "escrow-recipient", "intake-mac", "receipt-signing", "unit-recipients"},
}

//go:embed *.html *.css *.js
var files embed.FS

var serve = fn.Serve(Needs, routes)

// Handle answers one call.
func Handle(req handler.Request) (handler.Response, error) { return serve(req) }

func routes(env *open.Env) (*fn.Mux, error) {
	d, err := openDesk(env)
	if err != nil {
		return nil, err
	}
	return d.mux(), nil
}

// desk is the function at work.
type desk struct {
	env      *open.Env
	keys     keys
	intake   *tipoff.Intake
	evidence *evidence.Store
	drafts   *drafts.Store
	subjects *subject.Store
	log      *notary.Log
	receipts *notary.Key
	pages    *page.Pages
	exit     string // where the quick exit leads
	frames   string // sites that may show the form in a frame, for frame-ancestors
}

func openDesk(env *open.Env) (*desk, error) {
	d := &desk{
		env:      env,
		evidence: evidence.NewStore(env.Journal, env.Objects.Main, env.Now),
		drafts:   drafts.NewStore(env.Journal),
		subjects: subject.NewStore(env.Journal),
		pages:    page.New(Needs.Function, files, env.Site()),
	}
	if err := d.secrets(); err != nil {
		return nil, err
	}
	var err error
	if d.exit, err = exitOf(open.Value("quick_exit_url")); err != nil {
		return nil, err
	}
	if d.frames, err = framesOf(open.Value("report_frame_ancestors")); err != nil {
		return nil, err
	}
	for _, name := range d.pages.Names() {
		d.pages.Allow(name, "script-src 'self'", "connect-src 'self'", "form-action 'self' "+originOf(d.exit))
	}

	return d, nil
}

func (d *desk) mux() *fn.Mux {
	mux := fn.NewMux(Needs.Function)
	mux.Handle("GET /{$}", d.inWords(d.home))
	mux.Handle("POST /{$}", fn.Tick(d.env.Journal, Needs.Function, d.tick))
	mux.Handle("GET /frame", d.inWords(d.frame))
	mux.Handle("GET /channels/{what}", d.inWords(d.channel))
	mux.Handle("GET /privacy", d.inWords(d.privacy))
	mux.Handle("GET /report/{step}", d.inWords(d.showStep))
	mux.Handle("POST /report/{step}", d.inWords(d.takeStep))
	mux.Handle("POST /numbers", d.inWords(d.checkNumbers))
	mux.Handle("POST /clear", d.inWords(d.clear))
	mux.Handle("POST /exit", d.inWords(d.leave))
	mux.Handle("POST /reports", d.inWords(d.lodge))
	mux.Handle("GET /receipt", d.inWords(d.showReceipt))
	mux.Handle("POST /receipt/file", d.inWords(d.receiptFile))
	mux.Handle("POST /receipt/saved", d.inWords(d.saved))
	mux.Handle("GET /track", d.inWords(d.trackForm))
	mux.Handle("POST /track", d.inWords(d.track))
	mux.Handle("POST /track/messages", d.inWords(d.message))
	mux.Handle("POST /track/dispute", d.inWords(d.dispute))
	mux.Handle("POST /track/satisfaction", d.inWords(d.rate))
	mux.Handle("POST /track/reward", d.inWords(d.claim))
	mux.Handle("POST /track/evidence", d.inWords(d.moreEvidence))
	mux.Handle("POST /track/proof", d.inWords(d.proof))
	mux.HandleOpen("GET /log/key", d.publicKey)
	mux.Handle("GET /assets/{name}", d.pages.Asset)
	return mux
}

// publicKey is what anybody needs to check a receipt without us.
func (d *desk) publicKey(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "public, max-age=300")
	_, err := io.WriteString(w, d.receipts.Public())
	return err
}

// secrets reads what reports are sealed to and what receipts are made with.
func (d *desk) secrets() error {
	mac, err := d.env.Secret("intake-mac")
	if err != nil {
		return err
	}
	if d.keys, err = deriveKeys(mac); err != nil {
		return err
	}
	c := tipoff.IntakeConfig{MAC: mac, Evidence: d.evidence}
	units, err := d.env.Secret("unit-recipients")
	if err != nil {
		return err
	}
	if c.Units, err = tipoff.ParseUnits(string(units)); err != nil {
		return fmt.Errorf("report-intake: unit-recipients: %w", err)
	}
	escrow, err := d.env.Secret("escrow-recipient")
	if err != nil {
		return err
	}
	if c.Escrow, err = seal.ParseRecipient(string(escrow)); err != nil {
		return fmt.Errorf("report-intake: escrow-recipient: %w", err)
	}
	custodian, err := d.env.Secret("custodian-recipient")
	if err != nil {
		return err
	}
	if c.Custodian, err = seal.ParseRecipient(string(custodian)); err != nil {
		return fmt.Errorf("report-intake: custodian-recipient: %w", err)
	}
	signing, err := d.env.Secret("receipt-signing")
	if err != nil {
		return err
	}
	if c.Receipts, err = notary.ParseKey(signing); err != nil {
		return fmt.Errorf("report-intake: receipt-signing: %w", err)
	}
	c.Log = notary.Open(d.env.Journal, d.env.Objects.Main, notary.Intake, c.Receipts)
	d.log, d.receipts = c.Log, c.Receipts
	d.intake, err = tipoff.NewIntake(d.env.Journal, seal.NewKeys(d.env.Objects.Keys), c)
	return err
}

// refusedView is the page of a request that is not served.
type refusedView struct {
	flow
	Title, Detail, Reference string
}

// inWords shows a refusal as one of our own pages, with the way out on it. What is
// our own fault is left to the edge, which logs it.
func (d *desk) inWords(h fn.Handler) fn.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		err := h(w, r)
		f, refused := fault.Of(err)
		if !refused || isJSON(r) || !fn.WantsHTML(r) {
			return err
		}
		if f.RetryAfter > 0 {
			w.Header().Set("Retry-After", seconds(f.RetryAfter))
		}
		framed := r.PostForm.Get("framed") == "1" && d.frames != ""
		view := refusedView{
			flow:      flow{Form: page.NewForm(nil), Exit: exit{URL: d.exit, Draft: r.PostForm.Get("draft"), Framed: framed}},
			Reference: fn.RequestID(r),
		}
		view.Title, view.Detail = page.Fault(fn.Lang(r), f)
		return d.show(w, r, fn.Status(f.Kind), "refused", framed, view)
	}
}

// tick appends to the intake log what waits for it. Drafts end by themselves.
func (d *desk) tick(r *http.Request) error {
	_, err := d.log.Sequence(r.Context(), d.env.Now())
	return err
}

// exitOf checks the address that the quick exit leads to.
func exitOf(s string) (string, error) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return "", fmt.Errorf("report-intake: quick_exit_url %q is not the address of a site", s)
	}
	return u.String(), nil
}

func originOf(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// framesOf checks the sites that may show the form in a frame: origins, with
// spaces between them.
func framesOf(s string) (string, error) {
	sites := strings.Fields(s)
	for _, site := range sites {
		u, err := url.Parse(site)
		if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || site != u.Scheme+"://"+u.Host || strings.ContainsAny(site, ";,'\"") {
			return "", fmt.Errorf("report-intake: report_frame_ancestors: %q is not the origin of a site", site)
		}
	}
	return strings.Join(sites, " "), nil
}
