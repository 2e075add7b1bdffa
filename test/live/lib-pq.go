// lib/pq with the connection string that is its argument: ten queries with a parameter. Prints what was seen.
package main

import (
	"database/sql"
	"fmt"
	"os"

	_ "github.com/lib/pq"
)

func main() {
	db, err := sql.Open("postgres", os.Args[1])
	if err != nil {
		fmt.Println(err)
		return
	}
	db.SetMaxOpenConns(1)
	right, last := 0, ""
	for i := 0; i < 10; i++ {
		var answer int
		if err := db.QueryRow("SELECT $1::int", i).Scan(&answer); err != nil {
			last = err.Error()
		} else if answer == i {
			right++
		}
	}
	fmt.Printf("%d of 10 right", right)
	if last != "" {
		fmt.Printf(", else %s", last)
	}
	fmt.Println()
}
