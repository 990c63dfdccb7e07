package main

import (
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"ipcredit/shared/batch"
	"ipcredit/shared/credit"
	"ipcredit/shared/ident"
	"ipcredit/shared/journal"
	"ipcredit/shared/open"
	"ipcredit/shared/seal"
	"ipcredit/shared/staff"
	"ipcredit/shared/tipoff"
	"ipcredit/shared/workday"
)

// demonstration is DATA/demo.json, a fixed interface for scripts.
type demonstration struct {
	Gateway  string                 `json:"gateway"`
	APIKeys  map[staff.Scope]string `json:"apiKeys"`
	Staff    []demoStaff            `json:"staff"`
	Reports  []demoReport           `json:"reports"`
	Subjects []string               `json:"subjects"`
}

// demoStaff is one login. Those with the roles of a subject are a subject's.
type demoStaff struct {
	User         string       `json:"user"`
	Password     string       `json:"password"`
	TOTPSecret   string       `json:"totpSecret"`
	Roles        []staff.Role `json:"roles"`
	Organization string       `json:"organization"`
}

type demoReport struct {
	ReportNo string `json:"reportNo"`
	Receipt  string `json:"receipt"`
}

// loadDemo fills the city with fictitious organisations, subjects and records
// through the same doors that real ones use. Loading it again changes nothing.
func loadDemo(ctx context.Context, p place, origin string) error {
	env, err := open.Open(operator)
	if err != nil {
		return unreachable(err, "runner.fail.settings")
	}
	out, err := fillDemo(ctx, env, time.Now())
	if err != nil {
		return err
	}
	out.Gateway = origin
	data, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	path := filepath.Join(p.data, "demo.json")
	if err := os.WriteFile(path, append(data, '\n'), 0o600); err != nil {
		return unreachable(err, "runner.fail.write", path)
	}
	fmt.Println(say("runner.demo.loaded", len(out.Subjects), path))
	return nil
}

// fictionCity is the city of the demonstration. Another city that starts with it
// gets its people, subjects and records and no more.
const fictionCity = "410700"

// fillDemo loads what is not loaded yet. The city's days count from the one on
// which it was loaded first, which is kept with it: a city whose days moved with
// the calendar would correct all of its records each morning.
func fillDemo(ctx context.Context, env *open.Env, now time.Time) (demonstration, error) {
	desk, err := staffDesk(env)
	if err != nil {
		return demonstration{}, err
	}
	people, err := desk.Demo(ctx, now)
	if err != nil {
		return demonstration{}, fmt.Errorf("demo: %w", err)
	}
	kept := env.Journal.Key("demo")
	loaded, err := env.Redis.HGetAll(ctx, kept).Result()
	if err != nil {
		return demonstration{}, fmt.Errorf("demo: %w", err)
	}
	note := func(field, value string) error {
		entry := journal.Entry{Actor: "operator", Action: "demo." + field, At: now}
		return env.Journal.Commit(ctx, entry, nil, func(tx *journal.Tx) error {
			tx.HSet(kept, field, value)
			return nil
		})
	}
	first := workday.DateOf(now)
	if day := loaded["day"]; day != "" {
		if first, err = workday.ParseDate(day); err != nil {
			return demonstration{}, fmt.Errorf("demo: %w", err)
		}
	} else if err := note("day", first.String()); err != nil {
		return demonstration{}, fmt.Errorf("demo: %w", err)
	}
	moment := first.Start().Add(9 * time.Hour)
	if at := loaded["moment"]; at != "" {
		if moment, err = time.Parse(time.RFC3339, at); err != nil {
			return demonstration{}, fmt.Errorf("demo: %w", err)
		}
	} else if now.Before(moment) {
		// Nothing has happened later than now.
		moment = now.Truncate(time.Second)
		if err := note("moment", moment.UTC().Format(time.RFC3339)); err != nil {
			return demonstration{}, fmt.Errorf("demo: %w", err)
		}
	}
	city := newFiction(first)
	city.tables = append(city.tables, city.notified(first)...)
	if sum := city.sum(); loaded["tables"] != sum {
		if err := loadTables(ctx, env, city); err != nil {
			return demonstration{}, err
		}
		if err := note("tables", sum); err != nil {
			return demonstration{}, fmt.Errorf("demo: %w", err)
		}
	}
	out := demonstration{APIKeys: people.APIKeys, Reports: []demoReport{}, Subjects: city.codes}
	for _, u := range people.Staff {
		out.Staff = append(out.Staff, demoStaff{u.User, u.Password, u.TOTPSecret, u.Roles, u.Organization})
	}
	if env.City != fictionCity {
		return out, nil // its tip-offs and cases are handled by units of that city alone
	}
	tipoffs := city.tipoffs(first)
	sum, err := sumOf(tipoffs)
	if err != nil {
		return demonstration{}, err
	}
	office, err := openTipoffDesk(ctx, staff.New(env.Journal), people)
	if err != nil {
		return demonstration{}, err
	}
	if out.Reports, err = office.load(ctx, tipoffs, loaded["tipoffs"] != sum); err != nil {
		return demonstration{}, err
	}
	if loaded["tipoffs"] != sum {
		if err := note("tipoffs", sum); err != nil {
			return demonstration{}, fmt.Errorf("demo: %w", err)
		}
	}
	if err := fillCases(ctx, first, moment); err != nil {
		return demonstration{}, err
	}
	return out, nil
}

func loadTables(ctx context.Context, env *open.Env, city *fiction) error {
	intake, err := intakeDesk(env)
	if err != nil {
		return err
	}
	for _, t := range city.tables {
		b, err := sendTable(ctx, intake, t)
		if err != nil {
			return fmt.Errorf("demo: %s: %w", t.kind, err)
		}
		if b.Failure != nil || b.Rejected > 0 {
			problems, _ := intake.Problems(ctx, b, 3)
			return fmt.Errorf("demo: table of %s was not accepted: %v %v", t.kind, b.Failure, problems)
		}
	}
	return nil
}

// sendTable hands a table in as an agency would, and works it off.
func sendTable(ctx context.Context, intake *batch.Desk, t table) (batch.Batch, error) {
	var csvText strings.Builder
	w := csv.NewWriter(&csvText)
	if err := w.WriteAll(append([][]string{t.header}, t.rows...)); err != nil {
		return batch.Batch{}, err
	}
	// The request's name is the table's content: after a crash the batch that it
	// made before is found and finished.
	sum := sha256.Sum256([]byte(csvText.String()))
	b, err := intake.Receive(ctx, batch.Upload{
		Kind: t.kind, Org: "lead", Actor: "operator", Request: "demo " + t.kind + " " + hex.EncodeToString(sum[:]),
		Last: true, Body: []byte(csvText.String()),
	})
	if err != nil {
		return b, err
	}
	return intake.Finish(ctx, b.ID)
}

func intakeDesk(env *open.Env) (*batch.Desk, error) {
	var s batch.Secrets
	identity, err := env.Secret("material-identity")
	if err == nil {
		s.Identity, err = seal.ParseIdentity(string(identity))
	}
	if err != nil {
		return nil, unreachable(err, "runner.fail.secret", "material-identity")
	}
	escrow, err := env.Secret("escrow-recipient")
	if err == nil {
		s.Escrow, err = seal.ParseRecipient(string(escrow))
	}
	if err != nil {
		return nil, unreachable(err, "runner.fail.secret", "escrow-recipient")
	}
	if s.HashKey, err = env.Secret("id-hash"); err != nil {
		return nil, unreachable(err, "runner.fail.secret", "id-hash")
	}
	units, err := env.Secret("unit-recipients")
	if err == nil {
		s.Units, err = tipoff.ParseUnits(string(units))
	}
	if err != nil {
		return nil, unreachable(err, "runner.fail.secret", "unit-recipients")
	}
	return batch.NewDesk(env.Journal, env.Objects, credit.NewInForce(env.Journal), s, time.Now), nil
}

func staffDesk(env *open.Env) (*staff.Desk, error) {
	pepper, err := env.Secret("password-pepper")
	if err != nil {
		return nil, unreachable(err, "runner.fail.secret", "password-pepper")
	}
	totp, err := env.Secret("totp-seal")
	if err != nil {
		return nil, unreachable(err, "runner.fail.secret", "totp-seal")
	}
	store := staff.New(env.Journal)
	vault, err := staff.NewVault(pepper, totp, store.Params())
	if err != nil {
		return nil, unreachable(err, "runner.fail.secret", "password-pepper, totp-seal")
	}
	return staff.NewDesk(store, vault), nil
}

// table is one batch of the fiction.
type table struct {
	kind   string
	header []string
	rows   [][]string
}

// fiction is a city that cannot be: no name, code or number in it is anybody's
// (areas and registration parts are real, the bodies of the codes are not).
type fiction struct {
	tables   []table
	codes    []string
	firms    []firm // agencies among them
	agencies []firm
}

// firm is a subject's code and name.
type firm struct{ code, name string }

// fictionAreas are the counties and zones where things happen.
var fictionAreas = []string{"410702", "410703", "410704", "410711", "410721", "410724", "410725", "410726", "410727", "410771", "410772", "410773", "410781", "410782", "410783"}

const (
	fictionBureau     = "新乡市市场监督管理局"
	fictionBureauCode = "11410700000000019U"
)

// sum tells one version of the fiction from another.
func (f *fiction) sum() string {
	sum := sha256.New()
	for _, t := range f.tables {
		fmt.Fprintf(sum, "%s\x00%q\x00%q\n", t.kind, t.header, t.rows)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// newFiction invents the city as of a day: some records of every kind, on both
// sides of each of their days. The same day gives the same city.
func newFiction(today workday.Date) *fiction {
	f := &fiction{}
	random := rand.New(rand.NewPCG(410700, 2022))
	day := func(back int) string { return today.AddDays(-back).String() }

	stems := []string{"虚构", "样例", "演示", "测试", "例证", "假想", "范本", "试样"}
	marks := strings.Split("甲乙丙丁戊己庚辛壬癸子丑寅卯辰巳午未申酉戌亥", "")
	trades := []string{"科技", "机械", "食品", "新材料", "生物科技", "电子商务", "文化传播", "纺织", "化工", "农业发展"}
	areas := fictionAreas

	subjects := table{kind: "subject", header: []string{"统一社会信用代码", "名称", "类别", "区划代码", "曾用名", "无知识产权部门"}}
	var firms []firm
	add := func(code, name, kind, area, former, noDepartment string) {
		subjects.rows = append(subjects.rows, []string{code, name, kind, area, former, noDepartment})
		firms = append(firms, firm{code, name})
		f.codes = append(f.codes, code)
	}
	add("91410771MA00AAA104", "新乡市虚构甲科技有限公司", "企业", "410771", "新乡市虚构甲商贸有限公司", "否")
	add("91410771MA00AAA291", "新乡市样例乙新材料有限公司", "企业", "410771", "", "是")
	add("91410772MA00AAB17X", "新乡市样例星河知识产权代理有限公司", "企业", "410772", "", "否")
	add("91410702MA00AAC13T", "新乡市演示丙食品有限公司", "企业", "410702", "", "是")
	add("91410711MA00AAD1X2", "新乡市测试丁机械有限公司", "企业", "410711", "", "是")
	add("91410781MA00AAE16W", "卫辉市虚构戊纺织有限公司", "企业", "410781", "", "是")
	add("91410783MA00AAF123", "长垣市样例己起重机械有限公司", "企业", "410783", "", "否")
	add("92410704MA00AAH157", "凤泉区演示庚经营部", "个体工商户", "410704", "", "是")
	add("93410725MA00AAG198", "原阳县测试黄河种植专业合作社", "合作社", "410725", "", "是")
	add("12410000000000027F", "演示大学", "", "410700", "", "否")
	add("51410700000000035D", "新乡市样例知识产权保护协会", "", "410700", "", "否")
	for i := range 110 {
		area := areas[i%len(areas)]
		code := fictionCode(fmt.Sprintf("91%sMA00B%03d", registered(area), i))
		name := fmt.Sprintf("新乡市%s%s%s%s有限公司", stems[i%len(stems)], marks[i%len(marks)], marks[(i*7+3)%len(marks)], trades[i%len(trades)])
		add(code, name, "企业", area, "", []string{"否", "是"}[i%2])
	}

	agencies := table{kind: "agency", header: []string{"机构代码", "名称", "统一社会信用代码", "区划代码", "执业状态", "国家信用等级", "等级日期"}}
	agents := table{kind: "agent", header: []string{"资格证书号", "姓名", "执业证号", "机构代码", "状态"}}
	surnames := strings.Split("张李王赵陈周吴郑", "")
	for i := range 40 {
		agencyCode := fmt.Sprintf("41%03d", 950+i)
		code, name := "91410772MA00AAB17X", "新乡市样例星河知识产权代理有限公司"
		if i > 0 {
			code = fictionCode(fmt.Sprintf("91%sMA00C%03d", registered(areas[i%len(areas)]), i))
			name = fmt.Sprintf("新乡市%s%s%s知识产权代理有限公司", stems[(i+2)%len(stems)], marks[(i*5)%len(marks)], marks[(i*3+1)%len(marks)])
			f.codes = append(f.codes, code)
		}
		firms = append(firms, firm{code, name})
		f.agencies = append(f.agencies, firm{code, name})
		seat := areas[i%len(areas)]
		if i == 0 {
			seat = "410772"
		}
		grade := []string{"A+", "A", "A", "B", "B", "C", "D", ""}[i%8]
		on := ""
		if grade != "" {
			on = day(90 + i)
		}
		agencies.rows = append(agencies.rows, []string{agencyCode, name, code, seat, "正常", grade, on})
		for k := range 3 {
			certificate := fmt.Sprintf("41990%02d", (i*3+k)%100)
			if i*3+k >= 100 {
				certificate = fmt.Sprintf("41991%02d", i*3+k-100)
			}
			person := surnames[(i+k)%len(surnames)] + []string{"样例", "演示", "测试"}[k]
			agents.rows = append(agents.rows, []string{certificate, person, "", agencyCode, "正常"})
		}
	}

	penalties := table{kind: "penalty", header: []string{"CF_XDR_MC", "CF_XDR_LB", "CF_XDR_SHXYM", "CF_WSH", "CF_WFXW", "CF_SY", "CF_YJ", "CF_CFLB", "CF_NR", "CF_NR_FK", "CF_JDRQ", "CF_CFJG", "CF_CFJGDM"}}
	for i, back := range spread(45, 3, 1200) {
		x := firms[(i*11+5)%len(firms)]
		violation := []string{"侵犯注册商标专用权", "假冒专利", "恶意申请商标注册", "销售侵权商品"}[i%4]
		fine := []string{"0.3", "1.2", "5", "12", "30"}[i%5]
		class, text := "罚款", "罚款人民币"+fine+"万元"
		if i%6 == 5 {
			class, text, fine = "警告", "警告", ""
		}
		kind := "法人及非法人组织"
		if strings.HasPrefix(x.code, "92") {
			kind = "个体工商户"
		}
		penalties.rows = append(penalties.rows, []string{x.name, kind, x.code, fmt.Sprintf("新测市监处罚〔%s〕%d号", day(back)[:4], 100+i),
			violation, "演示用事实，并无其事", "《中华人民共和国商标法》第六十条", class, text, fine, day(back), fictionBureau, fictionBureauCode})
	}

	determinations := table{kind: "determination", header: []string{"文书号", "主体名称", "统一社会信用代码", "失信行为", "层级", "认定机关", "认定机关代码", "认定日期", "依据"}}
	for i, back := range spread(25, 5, 900) {
		x := firms[(i/2*13+2)%len(firms)] // pairs: some chains stack
		determinations.rows = append(determinations.rows, []string{fmt.Sprintf("国知测认〔%s〕%d号", day(back)[:4], 10+i), x.name, x.code,
			fmt.Sprintf("DA%d", i%6+1), "", "国家知识产权局", fictionAuthority, day(back), "国知发保字〔2022〕8号第六条"})
	}

	licences := table{kind: "licence", header: []string{"行政相对人名称", "行政相对人类别", "统一社会信用代码", "行政许可决定书文号", "许可证书名称", "许可内容", "许可决定日期", "有效期自", "有效期至", "许可机关", "许可机关代码"}}
	commendations := table{kind: "commendation", header: []string{"文书号", "主体名称", "统一社会信用代码", "表彰内容", "授予机关", "日期"}}
	judgments := table{kind: "judgment", header: []string{"案号", "主体名称", "统一社会信用代码", "案由", "结果", "法院", "生效日期"}}
	for i := range 15 {
		x, back := firms[(i*17+1)%len(firms)], 20+random.IntN(700)
		licences.rows = append(licences.rows, []string{x.name, "法人及非法人组织", x.code, fmt.Sprintf("新测市监许准〔%s〕%d号", day(back)[:4], i+1),
			"地理标志专用标志使用许可", "准予使用（演示）", day(back), day(back), "2099/12/31", fictionBureau, fictionBureauCode})
		x = firms[(i*19+4)%len(firms)]
		commendations.rows = append(commendations.rows, []string{fmt.Sprintf("新测市监表〔%s〕%d号", day(back)[:4], i+1), x.name, x.code, "知识产权示范企业（演示）", fictionBureau, day(back)})
		x = firms[(i*23+7)%len(firms)]
		judgments.rows = append(judgments.rows, []string{fmt.Sprintf("（%s）豫07知民初%d号", day(back)[:4], 9900+i), x.name, x.code, "侵害商标权纠纷", "判令停止侵权并赔偿损失（演示）", "示例市中级人民法院", day(back)})
	}
	f.firms = firms
	f.tables = []table{subjects, agencies, agents, penalties, determinations, licences, commendations, judgments}
	return f
}

// fictionAuthority stands for the national office: a code whose body is none.
var fictionAuthority = fictionCode("1110000000000019")

// fictionCode completes sixteen characters with both check characters.
func fictionCode(body string) string {
	code, err := ident.MakeUSCC(body)
	if err != nil {
		panic("demo: " + body + ": " + err.Error())
	}
	return string(code)
}

// registered is the area that codes of the place carry: zones register nobody.
func registered(area string) string {
	if strings.HasPrefix(area, "41077") {
		return "410700"
	}
	return area
}

// spread gives n numbers of days, from near to far.
func spread(n, near, far int) []int {
	days := make([]int, n)
	for i := range days {
		days[i] = near + (far-near)*i/(n-1)
	}
	return days
}
