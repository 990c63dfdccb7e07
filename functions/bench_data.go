package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"ipcredit/shared/batch"
	"ipcredit/shared/credit"
	"ipcredit/shared/journal"
	"ipcredit/shared/open"
	"ipcredit/shared/sheet"
	"ipcredit/shared/subject"
	"ipcredit/shared/tipoff"
	"ipcredit/shared/workday"
)

// benchCode is the i-th code of the bench's subjects.
func benchCode(i int) string {
	const letters = "0123456789ABCDEFGHJKLMNPQRTUWXY"
	body := []byte("91410702MA000000")
	for at := 15; at > 9; at-- {
		body[at] = letters[i%len(letters)]
		i /= len(letters)
	}
	return fictionCode(string(body))
}

var (
	benchMarks  = []rune("安邦博昌晨诚达德鼎东方丰福富冠光广贵国海瀚航豪和恒宏华辉汇慧吉佳嘉坚建江杰金锦京景九君凯康科乐立利联亮龙隆茂美明铭宁鹏平启千强庆荣瑞润森盛胜顺思泰腾天通同旺威维文祥鑫信兴旭雅阳亿义永优宇元源远云泽长正志中众卓")
	benchTrades = []string{"科技", "商贸", "机械", "食品", "建材", "电子", "信息技术", "生物科技", "新材料", "环保科技", "物流", "农业发展", "文化传媒", "纺织", "化工"}
	benchForms  = []string{"有限公司", "有限公司", "有限公司", "股份有限公司", "有限责任公司", "经营部", "厂"}
)

// benchName is the i-th name: a mark of two to four characters, a trade, a form;
// distributed as in a register, so that some grams are in a third of all names.
func benchName(i int) string {
	h := uint64(i)*0x9E3779B97F4A7C15 + 0x1234567
	next := func(n int) int {
		h ^= h >> 29
		h *= 0xBF58476D1CE4E5B9
		h ^= h >> 32
		return int(h % uint64(n))
	}
	mark := ""
	for range 2 + next(3) {
		mark += string(benchMarks[next(len(benchMarks))])
	}
	return "新乡市" + mark + benchTrades[next(len(benchTrades))] + benchForms[next(len(benchForms))]
}

// loadSubjects commits n subjects in slices, as an import does, and archives the
// journal as deadline-tick does.
func loadSubjects(ctx context.Context, env *open.Env, n int) error {
	store := credit.NewStore(env.Journal, credit.Shipped())
	const slice = 1000
	for i := 0; i < n; i += slice {
		change := credit.Change{Entry: journal.Entry{Actor: "system", Action: "bench.subjects", At: time.Now()}}
		for k := i; k < min(n, i+slice); k++ {
			change.Subjects = append(change.Subjects, subject.Subject{
				Code: benchCode(k), Name: benchName(k), Kind: "enterprise", District: "410702",
			})
		}
		if _, _, err := store.Apply(ctx, change); err != nil {
			return err
		}
		if i/slice%20 == 19 {
			if _, err := env.Archive.Run(ctx, env.Journal); err != nil {
				return err
			}
		}
	}
	_, err := env.Archive.Run(ctx, env.Journal)
	return err
}

// How many records a subject has that has some, and one that has very many.
const (
	recordsEach = 4
	recordsMany = 100
)

// loadRecords commits n records, in slices as an import does, and archives the
// journal as deadline-tick does. It returns some of the subjects that have them, and
// the one that has very many besides.
func loadRecords(ctx context.Context, env *open.Env, n int) (some, many []string, err error) {
	store := credit.NewStore(env.Journal, credit.Shipped())
	const slice = 1000
	// Other subjects than those of search and import.
	code := func(subject int) string { return benchCode(20_000_000 + subject) }
	for i := 0; i < n; i += slice {
		change := credit.Change{Entry: journal.Entry{Actor: "system", Action: "bench.records", At: time.Now()}}
		for k := i; k < min(n, i+slice); k++ {
			change.Records = append(change.Records, benchRecord(code(1+k/recordsEach), k))
		}
		if i == 0 {
			for k := range recordsMany {
				change.Records = append(change.Records, benchRecord(code(0), n+k))
			}
		}
		if _, _, err := store.Apply(ctx, change); err != nil {
			return nil, nil, err
		}
		if i/slice%20 == 19 {
			if _, err := env.Archive.Run(ctx, env.Journal); err != nil {
				return nil, nil, err
			}
		}
	}
	subjects := n / recordsEach
	for i := range min(asked, subjects) {
		some = append(some, code(1+i*(subjects/min(asked, subjects))))
	}
	_, err = env.Archive.Run(ctx, env.Journal)
	return some, []string{code(0)}, err
}

// benchRecord is the i-th record, a penalty that is shown.
func benchRecord(code string, i int) credit.Entry {
	on := workday.DateOf(time.Now()).AddDays(-30 - i%300)
	r := credit.Record{
		Kind: credit.Penalty, Act: string(credit.Penalty), Tier: credit.General, Source: credit.Admin, Channel: credit.Original,
		InstrumentNo: fmt.Sprintf("新测市监处罚〔%d〕%d号", on.Year(), i+1), Authority: fictionBureau, AuthorityCode: fictionBureauCode,
		DeterminedOn: on, ServedOn: on, PublishedOn: on, CollectedAt: time.Now(),
		Content: credit.Content{Penalty: &credit.PenaltyContent{
			Violation: "商标侵权", Facts: "销售侵犯注册商标专用权的商品", Basis: "《中华人民共和国商标法》第六十条",
			Classes: []string{"罚款"}, Text: "罚款人民币20000元", FineFen: 2_000_000,
		}},
	}
	r.ID = credit.NewID(r.Kind, r.Authority, r.InstrumentNo, code)
	return credit.Entry{SubjectCode: code, SubjectName: benchName(i / recordsEach), Record: r}
}

// benchImport uploads one CSV of penalties about many subjects.
func benchImport(ctx context.Context, env *open.Env, s scale) ([]measured, error) {
	intake, err := intakeDesk(env)
	if err != nil {
		return nil, err
	}
	schema, err := batch.Schema("penalty")
	if err != nil {
		return nil, err
	}
	ticking, stop := context.WithCancel(ctx)
	defer stop()
	go func() { // deadline-tick, more often than each minute
		for ticking.Err() == nil {
			_, _ = env.Archive.Run(ticking, env.Journal) // a failure shows as backlog
			select {
			case <-ticking.Done():
			case <-time.After(500 * time.Millisecond):
			}
		}
	}()
	forgetPeak()
	var b batch.Batch
	var buf bytes.Buffer
	w := csv.NewWriter(&buf)
	if err := w.Write(headers(schema)); err != nil {
		return nil, err
	}
	u := batch.Upload{Kind: "penalty", Org: "lead", Actor: "operator", Request: "bench import"}
	for i := range s.rows {
		if err := w.Write(penaltyRow(schema, i)); err != nil {
			return nil, err
		}
		w.Flush()
		for buf.Len() >= pieceSize || i == s.rows-1 {
			u.Body = bytes.Clone(buf.Next(min(buf.Len(), pieceSize)))
			u.Last = i == s.rows-1 && buf.Len() == 0
			if b, err = intake.Receive(ctx, u); err != nil {
				return nil, err
			}
			u.Index++
			if u.Last {
				break
			}
		}
	}
	start := time.Now()
	if b, err = intake.Work(ctx, b.ID); err != nil {
		return nil, err
	}
	took := time.Since(start)
	if b.Failure != nil || b.Accepted != s.rows {
		problems, _ := intake.Problems(ctx, b, 3)
		return nil, fmt.Errorf("%d of %d rows accepted: %v %v", b.Accepted, s.rows, b.Failure, problems)
	}
	rate := float64(s.rows) / took.Seconds()
	return []measured{
		{say("runner.bench.import.rate"), say("runner.bench.import.rate.budget"),
			say("runner.bench.import.rate.seen", rate, s.rows), rate >= 20_000},
		{say("runner.bench.import.memory"), say("runner.bench.import.memory.budget"),
			say("runner.bench.import.memory.seen", peak(), s.rows), peak() <= 256},
	}, nil
}

func headers(s sheet.Schema) []string {
	var h []string
	for _, c := range s.Columns {
		h = append(h, c.Header)
	}
	return h
}

// penaltyRow is a good row; every tenth subject has several.
func penaltyRow(s sheet.Schema, i int) []string {
	// Other subjects than those the search and the lookups are measured with.
	i += 10_000_000
	code := benchCode(i * 9 / 10)
	day := time.Now().AddDate(0, 0, -30-i%300).Format("2006/01/02")
	values := map[string]string{
		"subjectName": benchName(i * 9 / 10), "subjectType": "法人及非法人组织", "subjectCode": code,
		"instrumentNo": fmt.Sprintf("新测市监处罚〔%s〕%d号", day[:4], i+1), "violation": "商标侵权",
		"facts": "销售侵犯注册商标专用权的商品", "basis": "《中华人民共和国商标法》第六十条",
		"classes": "罚款", "text": "罚款人民币20000元", "fine": "2", "determinedOn": day,
		"authority": fictionBureau, "authorityCode": fictionBureauCode,
	}
	var row []string
	for _, c := range s.Columns {
		row = append(row, values[c.Field])
	}
	return row
}

// benchRestore replays entries of one row each.
func benchRestore(ctx context.Context, env *open.Env, s scale) ([]measured, error) {
	// A city of its own, so that the archive holds these entries and no others.
	city := "419900"
	j := journal.New(env.Redis, city, journal.Options{})
	if err := commitMany(ctx, j, env.Archive, s.entries); err != nil {
		return nil, err
	}
	before, keys, err := j.Digest(ctx)
	if err != nil {
		return nil, err
	}
	for i := 0; i < s.entries; i += 1000 {
		names := make([]string, 0, 1000)
		for k := i; k < min(s.entries, i+1000); k++ {
			names = append(names, j.Key("bench", fmt.Sprint(k)))
		}
		if err := env.Redis.Unlink(ctx, names...).Err(); err != nil {
			return nil, err
		}
	}
	if err := env.Redis.Del(ctx, j.Key("journal"), j.Key("journal", "head")).Err(); err != nil {
		return nil, err
	}
	start := time.Now()
	if err := env.Archive.Restore(ctx, j, nil); err != nil {
		return nil, err
	}
	took := time.Since(start)
	after, _, err := j.Digest(ctx)
	if err != nil {
		return nil, err
	}
	if after != before {
		return nil, fmt.Errorf("digest differs after restore")
	}
	return []measured{{say("runner.bench.restore"), say("runner.bench.restore.budget"),
		say("runner.bench.restore.seen", s.entries, took.Seconds(), keys), took.Seconds() <= 120*float64(s.entries)/1e6}}, nil
}

// commitMany makes n commits of one record each, many at a time as requests do.
func commitMany(ctx context.Context, j *journal.Journal, archive *journal.Archive, n int) error {
	work, ctx := errgroup.WithContext(ctx)
	var next atomic.Int64
	for range 64 {
		work.Go(func() error {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return nil
				}
				if i%50_000 == 49_999 {
					if _, err := archive.Run(ctx, j); err != nil {
						return err
					}
				}
				value := fmt.Sprintf(`{"code":%q,"name":%q,"records":[],"grade":null}`, benchCode(i), benchName(i))
				err := j.Commit(ctx, journal.Entry{Actor: "system", Action: "bench.put", At: time.Now()}, nil, func(tx *journal.Tx) error {
					tx.Set(j.Key("bench", fmt.Sprint(i)), value)
					return nil
				})
				if err != nil {
					return err
				}
			}
		})
	}
	if err := work.Wait(); err != nil {
		return err
	}
	_, err := archive.Run(context.WithoutCancel(ctx), j)
	return err
}

// benchReport is the i-th tip-off as a program sends it; every second one names
// its reporter.
func benchReport(i int) []byte {
	l := tipoff.Lodged{
		Kind:    tipoff.Counterfeit,
		Parties: []tipoff.Party{{Name: benchName(i), Code: benchCode(i)}},
		Narrative: fmt.Sprintf("第%d号线索：该店在柜台后的货架上摆放印有他人注册商标的机油滤清器，包装与正品相比色差明显，没有防伪码，"+
			"店员说一箱十二只，要多少有多少，不开发票。仓库在店后院第二间，每周三上午有一辆白色面包车来送货。", i),
		Anonymous: i%2 == 0, Place: "虚构路12号", Language: "zh",
	}
	if !l.Anonymous {
		l.Reporter = &tipoff.Reporter{Name: "演示人甲", Contact: fmt.Sprintf("199%08d", i)}
	}
	body, err := json.Marshal(l)
	if err != nil {
		panic(err) // strings only
	}
	return body
}
