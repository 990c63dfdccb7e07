package function

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"

	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/page"
	"ipcredit/shared/sheet"
	"ipcredit/shared/staff"
	"ipcredit/shared/tipoff"
	"ipcredit/shared/workday"
)

// schema is how other tip-off systems hand over and are handed over to: a row a
// tip-off. What they call a column is theirs; Also has what their exports are
// known to say ([design]: no public specification exists).
func schema() sheet.Schema {
	kinds := make([]string, len(tipoff.Kinds()))
	for i, k := range tipoff.Kinds() {
		kinds[i] = page.Say(page.ZH, "tipoff.kind."+string(k))
	}
	return sheet.Schema{Name: "tip-off", Columns: []sheet.Column{
		{Field: "originalNo", Header: "原编号", Also: []string{"工单编号", "登记编号", "工单号"}, Required: true, Kind: sheet.Code, Example: "测12315-2026-000001"},
		{Field: "kind", Header: "举报类别", Also: []string{"问题类别"}, Required: true, Kind: sheet.Choice, Choices: kinds, Example: kinds[len(kinds)-1]},
		{Field: "party", Header: "被举报人", Also: []string{"被投诉举报主体", "涉及主体"}, Required: true, Example: "虚构甲科技有限公司"},
		{Field: "code", Header: "统一社会信用代码", Kind: sheet.Code, Example: "91410771MA00AAA104"},
		{Field: "summary", Header: "举报内容", Also: []string{"问题描述", "诉求内容"}, Required: true, Example: "网店销售假冒专利产品。"},
		{Field: "occurredOn", Header: "发生日期", Kind: sheet.Date, Example: "2026-05-01"},
		{Field: "place", Header: "发生地点", Also: []string{"发生地址"}, Example: "示例路1号"},
		{Field: "numbers", Header: "申请号或注册号", Kind: sheet.Code, Example: "202510999999.3"},
		{Field: "receivedOn", Header: "接收日期", Also: []string{"转办日期", "转办时间"}, Required: true, Kind: sheet.Date, Example: "2026-05-06", Note: "转到本局的日期：期限从这一天起算"},
		{Field: "name", Header: "举报人", Also: []string{"举报人姓名"}, Note: "匿名的留空"},
		{Field: "contact", Header: "联系方式", Also: []string{"联系电话"}, Kind: sheet.Code, Note: "匿名的留空"},
	}}
}

// maxHandovers is how many tip-offs one file may hand over (ours to choose):
// each is sealed and lodged by itself, within one call.
const maxHandovers = 200

type importPage struct {
	base
	Channels []tipoff.Channel
	Results  []importLine
	Taken    int
	Bad      int
	Columns  []sheet.Column
}

type importLine struct {
	Row        int
	OriginalNo string
	Number     string
	Known      bool
	Messages   []string
}

func (p importPage) ChannelOptions(lang page.Lang) []option {
	return options(lang, "tipoff.channel.", p.Channels)
}

func (d *desk) importPage(r *http.Request, a staff.Actor) importPage {
	return importPage{base: d.base(r, a), Channels: []tipoff.Channel{tipoff.Hotline, tipoff.CityLine}, Columns: schema().Columns}
}

func (d *desk) importForm(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := d.mayRegister(a); err != nil {
		return err
	}
	return d.pages.Show(w, r, http.StatusOK, "import", d.importPage(r, a))
}

// importFile lodges what another system hands over. A row that is wrong costs
// the others nothing; a file sent again lodges nothing twice, for channel and
// original number stand for a tip-off.
func (d *desk) importFile(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := d.mayRegister(a); err != nil {
		return err
	}
	p := d.importPage(r, a)
	err := d.takeOver(r, a, &p)
	status := http.StatusOK
	if err != nil {
		if status, err = refused(r, &p.base, err); err != nil {
			return err
		}
	}
	return d.pages.Show(w, r, status, "import", p)
}

func (d *desk) takeOver(r *http.Request, a staff.Actor, p *importPage) error {
	channel, file, err := upload(r)
	switch {
	case err != nil:
		return err
	case !slices.Contains(p.Channels, channel):
		return fault.New(fault.Invalid, "case-handling.choose").With("channel", "case-handling.choose")
	case len(file) == 0:
		return fault.New(fault.Invalid, "case-handling.no_upload").With("file", "case-handling.no_upload")
	}
	rows, err := sheet.Open(schema(), bytes.NewReader(file), sheet.Limits{Rows: maxHandovers})
	if err != nil {
		return err
	}
	lang := fn.Lang(r)
	for {
		row, err := rows.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		line := importLine{Row: row.Number, OriginalNo: row.Get("originalNo")}
		for _, problem := range row.Check() {
			line.Messages = append(line.Messages, page.Say(lang, "fault."+problem.Code, problem.Args...))
		}
		if len(line.Messages) == 0 {
			l, err := d.office.Register(r.Context(), a, handed(row, channel), d.env.Now())
			f, refused := fault.Of(err)
			switch {
			case refused && f.Kind != fault.Unavailable && f.Kind != fault.Forbidden:
				line.Messages = worded(lang, f)
			case err != nil:
				return err
			default:
				line.Number, line.Known = tipoff.FormatNumber(l.Number), l.Replayed
			}
		}
		if len(line.Messages) > 0 {
			p.Bad++
		} else if !line.Known {
			p.Taken++
		}
		p.Results = append(p.Results, line)
	}
}

// worded is a refusal as a row of a table shows it.
func worded(lang page.Lang, f *fault.Error) []string {
	var out []string
	for _, field := range f.Fields {
		if text := page.FieldMessage(lang, field); !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	if len(out) == 0 {
		_, text := page.Fault(lang, f)
		out = append(out, text)
	}
	return out
}

// upload reads the form's channel and file.
func upload(r *http.Request) (tipoff.Channel, []byte, error) {
	bad := func(err error) error { return fault.New(fault.Invalid, "case-handling.form").Because(err) }
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "multipart/form-data" {
		return "", nil, bad(err)
	}
	var channel tipoff.Channel
	var file []byte
	for parts := multipart.NewReader(r.Body, params["boundary"]); ; {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return channel, file, nil
		}
		if err != nil {
			return "", nil, bad(err)
		}
		body, err := io.ReadAll(io.LimitReader(part, fn.MaxBody))
		if err != nil {
			return "", nil, bad(err)
		}
		switch part.FormName() {
		case "channel":
			channel = tipoff.Channel(body)
		case "file":
			file = body
		}
	}
}

// handed makes of a row what the office lodges.
func handed(row sheet.Row, channel tipoff.Channel) tipoff.Registration {
	date := func(field string) workday.Date {
		on, _ := workday.ParseDate(row.Get(field)) // Check has read it
		return on
	}
	h := tipoff.Handover{
		Channel: channel, OriginalNo: row.Get("originalNo"), Kind: tipoff.Unclear, Parties: []tipoff.Party{{Name: row.Get("party"), Code: row.Get("code")}},
		OccurredOn: date("occurredOn"), Place: row.Get("place"), Numbers: fields(row.Get("numbers")), Summary: row.Get("summary"), ReceivedOn: date("receivedOn"),
	}
	for _, k := range tipoff.Kinds() {
		if row.Get("kind") == page.Say(page.ZH, "tipoff.kind."+string(k)) {
			h.Kind = k
		}
	}
	var reporter *tipoff.Reporter
	if name, contact := row.Get("name"), row.Get("contact"); name != "" || contact != "" {
		reporter = &tipoff.Reporter{Name: name, Contact: contact}
	}
	reg := h.Registration(reporter)
	reg.ReceivedOn = h.ReceivedOn // the clock runs from the day it reached this bureau
	return reg
}

// export makes the hand-over of a tip-off. Purpose and summary are the officer's
// own words; the purpose stays with us, as a note of the unit.
func (d *desk) export(c call) (tipoff.Handover, error) {
	to := tipoff.Channel(c.text("channel"))
	if to != tipoff.Hotline && to != tipoff.CityLine {
		return tipoff.Handover{}, fault.New(fault.Invalid, "case-handling.choose").With("channel", "case-handling.choose")
	}
	if f := c.text("format"); f != "json" && f != "csv" {
		return tipoff.Handover{}, fault.New(fault.Invalid, "case-handling.choose").With("format", "case-handling.choose")
	}
	if err := c.required("purpose", "summary"); err != nil {
		return tipoff.Handover{}, err
	}
	purpose := page.Say(page.ZH, "case-handling.exported_note", page.Say(page.ZH, "case-handling.receiver."+string(to)), c.text("purpose"))
	if err := d.office.Note(c.r.Context(), c.who, c.no, purpose, d.env.Now()); err != nil {
		return tipoff.Handover{}, err
	}
	return d.office.Export(c.r.Context(), c.who, c.no, c.text("summary"), to, d.env.Now())
}

// handOver answers with the file for the receiving system.
func (d *desk) handOver(w http.ResponseWriter, c call, h tipoff.Handover) error {
	name := "tip-off-" + c.no + "-" + string(h.Channel)
	if c.text("format") == "json" {
		text, err := json.MarshalIndent(h, "", "  ")
		if err != nil {
			return fmt.Errorf("case-handling: hand-over: %w", err)
		}
		isolate(w.Header(), "application/json", name+".json")
		_, err = w.Write(append(text, '\n'))
		return err
	}
	columns := schema().Columns
	header, cells := make([]string, 0, len(columns)), make([]string, 0, len(columns))
	values := map[string]string{
		"originalNo": h.ReportNo, "kind": page.Say(page.ZH, "tipoff.kind."+string(h.Kind)), "summary": h.Summary, "occurredOn": h.OccurredOn.String(),
		"place": h.Place, "numbers": strings.Join(h.Numbers, " "), "receivedOn": h.ReceivedOn.String(),
	}
	for i, p := range h.Parties {
		if i == 0 {
			values["party"], values["code"] = p.Name, p.Code
		} else {
			values["party"] += "、" + p.Name
		}
	}
	for _, col := range columns {
		if col.Field == "name" || col.Field == "contact" {
			continue // a reporter is never handed over
		}
		header, cells = append(header, col.Header), append(cells, values[col.Field])
	}
	isolate(w.Header(), "text/csv; charset=utf-8", name+".csv")
	// The mark in front makes spreadsheet programs read it as UTF-8.
	if _, err := io.WriteString(w, "\ufeff"); err != nil {
		return err
	}
	out := csv.NewWriter(w)
	out.UseCRLF = true
	for i, text := range cells {
		cells[i] = sheet.Neutral(text) // no cell becomes a formula
	}
	return out.WriteAll([][]string{header, cells})
}
