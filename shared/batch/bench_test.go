package batch_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/batch"
	"ipcredit/shared/redistest"
)

// BenchmarkImport takes in penalties about subjects that are new to the city,
// validated, indexed and journaled, on a Redis that syncs every write. Beside the
// rate it tells what a row costs of this process's time and of Redis's, which do
// not depend on what else the machine does.
func BenchmarkImport(b *testing.B) {
	const rows = 20_000
	list := penalties(rows)
	for i := range list {
		list[i][1] = registered(i) // as in a register, where few pairs of characters are in every name
	}
	body := table(penaltyHeader, list...)
	var total float64
	var own, server time.Duration
	var commands float64
	for i := 0; b.Loop(); i++ {
		b.StopTimer()
		rdb := redistest.Durable(b, b.TempDir(), "--appendonly", "yes", "--appendfsync", "always")
		c := newCity(b, rdb)
		var x batch.Batch
		u := batch.Upload{Kind: "penalty", Org: "lead", Actor: "u1", Request: fmt.Sprint(i)}
		const size = 8 << 20
		for k := 0; k*size < len(body); k++ {
			u.Index, u.Body, u.Last = k, body[k*size:min(len(body), (k+1)*size)], (k+1)*size >= len(body)
			var err error
			if x, err = c.desk.Receive(b.Context(), u); err != nil {
				b.Fatal(err)
			}
		}
		own, server = own-ownTime(b), server-serverTime(b, rdb)
		commands -= asked(b, rdb)
		b.StartTimer()
		x, err := c.desk.Work(b.Context(), x.ID)
		if err != nil || x.Accepted != rows {
			b.Fatalf("%+v %v", x, err)
		}
		b.StopTimer()
		own, server = own+ownTime(b), server+serverTime(b, rdb)
		commands += asked(b, rdb)
		b.StartTimer()
		total += rows
	}
	b.ReportMetric(total/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64(own.Microseconds())/total, "own-µs/row")
	b.ReportMetric(float64(server.Microseconds())/total, "redis-µs/row")
	b.ReportMetric(commands/total, "commands/row")
}

// registered is the i-th name of a register: a mark of two to four characters, a
// trade, a form.
func registered(i int) string {
	marks := []rune("安邦博昌晨诚达德鼎东方丰福富冠光广贵国海瀚航豪和恒宏华辉汇慧吉佳嘉坚建江杰金锦京景九君凯康科乐立利联亮龙隆茂美明铭宁鹏平启千强庆荣瑞润森盛胜")
	trades := []string{"科技", "商贸", "机械", "食品", "建材", "信息技术", "新材料", "环保科技", "物流", "农业发展"}
	forms := []string{"有限公司", "有限公司", "股份有限公司", "经营部"}
	r := rand.New(rand.NewPCG(1, uint64(i)))
	name := "新乡市"
	for range 2 + r.IntN(3) {
		name += string(marks[r.IntN(len(marks))])
	}
	return name + trades[r.IntN(len(trades))] + forms[r.IntN(len(forms))]
}

// ownTime is how long processors have worked for this process.
func ownTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// serverTime is the same for the server.
func serverTime(b *testing.B, rdb *redis.Client) time.Duration {
	b.Helper()
	seconds := number(b, rdb, "cpu", "CPU", "used_cpu_sys") + number(b, rdb, "cpu", "CPU", "used_cpu_user")
	return time.Duration(seconds * float64(time.Second))
}

// asked is how many commands the server was given.
func asked(b *testing.B, rdb *redis.Client) float64 {
	b.Helper()
	return number(b, rdb, "stats", "Stats", "total_commands_processed")
}

func number(b *testing.B, rdb *redis.Client, section, title, field string) (n float64) {
	b.Helper()
	info, err := rdb.InfoMap(context.Background(), section).Result()
	if err == nil {
		_, err = fmt.Sscan(info[title][field], &n)
	}
	if err != nil {
		b.Fatal(err)
	}
	return n
}
