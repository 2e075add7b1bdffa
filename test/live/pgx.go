// Two clients of pgx with the connection string that is the argument: each must get its own answers. Prints what was seen.
package main

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v4"
)

func main() {
	background := context.Background()
	var clients []*pgx.Conn
	for range []int{0, 1} {
		client, err := pgx.Connect(background, os.Args[1])
		if err != nil {
			fmt.Println(strings.Split(err.Error(), "\n")[0])
			return
		}
		defer client.Close(background)
		clients = append(clients, client)
	}
	order, counts := []string{}, map[string]int{}
	for round := 0; round < 4; round++ {
		for _, number := range []int{0, 1, 0} {
			var answer int
			what := "right"
			err := clients[number].QueryRow(background, fmt.Sprintf("SELECT %d + $1::int", number), 0).Scan(&answer)
			if err != nil {
				what = "× " + regexp.MustCompile(`"lrupsc_\d+_\d+"`).ReplaceAllString(err.Error(), `"lrupsc_N"`)
			} else if answer != number {
				what = "× another client's answer"
			}
			if counts[what] == 0 {
				order = append(order, what)
			}
			counts[what]++
		}
	}
	seen := []string{}
	for _, what := range order {
		seen = append(seen, fmt.Sprintf("%d %s", counts[what], what))
	}
	fmt.Println(strings.Join(seen, ", "))
}
