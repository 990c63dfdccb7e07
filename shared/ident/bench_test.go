package ident

import "testing"

func BenchmarkParseName(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		ParseName("河南省新乡市红旗区砚葵知识产权代理有限公司")
	}
}

func BenchmarkPinyin(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		Pinyin("行重砚葵", 4)
	}
}
