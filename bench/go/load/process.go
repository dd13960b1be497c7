package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// pids reads "1,2,3"; what is no number is left out.
func pids(text string) (numbers []int) {
	for _, word := range strings.Split(text, ",") {
		if number, err := strconv.Atoi(word); err == nil {
			numbers = append(numbers, number)
		}
	}
	return numbers
}

// cpuSeconds is the processor time that processes have used together, all threads, user and system.
func cpuSeconds(pids ...int) (sum float64) {
	for _, pid := range pids {
		sum += cpuSecondsOf(pid)
	}
	return sum
}

func cpuSecondsOf(pid int) float64 {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	user, _ := strconv.ParseFloat(fields[11], 64)
	system, _ := strconv.ParseFloat(fields[12], 64)
	return (user + system) / 100
}

func rssMiB(pids ...int) (sum float64) {
	for _, pid := range pids {
		sum += rssMiBOf(pid)
	}
	return sum
}

func rssMiBOf(pid int) float64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for _, line := range strings.Split(string(status), "\n") {
		if strings.HasPrefix(line, "VmRSS:") {
			kib, _ := strconv.ParseFloat(strings.Fields(line)[1], 64)
			return kib / 1024
		}
	}
	return 0
}
