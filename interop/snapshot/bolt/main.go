// Judge of bbolt files, with etcd's own library.
//
//	bolt check FILE         what tx.Check finds, then one line an entry: bucket path, key, value, in hex and in order
//	bolt write FILE SEED    a random file: deletions, nested buckets, great values, a free list
package main

import (
	"bufio"
	"fmt"
	"math/rand"
	"os"
	"strconv"

	bolt "go.etcd.io/bbolt"
)

func main() {
	var err error
	switch os.Args[1] {
	case "check":
		err = check(os.Args[2])
	case "write":
		seed, _ := strconv.ParseInt(os.Args[3], 10, 64)
		err = write(os.Args[2], rand.New(rand.NewSource(seed)))
	default:
		err = fmt.Errorf("no such command: %s", os.Args[1])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func check(path string) error {
	db, err := bolt.Open(path, 0o400, &bolt.Options{ReadOnly: true})
	if err != nil {
		return err
	}
	defer db.Close()
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	return db.View(func(tx *bolt.Tx) error {
		for fault := range tx.Check() {
			return fault
		}
		return tx.ForEach(func(name []byte, bucket *bolt.Bucket) error { return list(out, fmt.Sprintf("%x", name), bucket) })
	})
}

func list(out *bufio.Writer, path string, bucket *bolt.Bucket) error {
	fmt.Fprintf(out, "%s\n", path)
	return bucket.ForEach(func(key, value []byte) error {
		if value == nil {
			return list(out, fmt.Sprintf("%s/%x", path, key), bucket.Bucket(key))
		}
		_, err := fmt.Fprintf(out, "%s %x %x\n", path, key, value)
		return err
	})
}

func write(path string, random *rand.Rand) error {
	db, err := bolt.Open(path, 0o600, &bolt.Options{NoSync: true, NoFreelistSync: random.Intn(2) == 0})
	if err != nil {
		return err
	}
	defer db.Close()
	transactions := 1 + random.Intn(20)
	for i := 0; i < transactions; i++ {
		if err := db.Update(func(tx *bolt.Tx) error { return change(tx, random) }); err != nil {
			return err
		}
	}
	return nil
}

func change(tx *bolt.Tx, random *rand.Rand) error {
	bucket, err := tx.CreateBucketIfNotExists([]byte{'a' + byte(random.Intn(4))})
	for depth := random.Intn(3); depth > 0 && err == nil; depth-- {
		bucket, err = bucket.CreateBucketIfNotExists([]byte{'n', byte(random.Intn(3))})
	}
	if err != nil {
		return err
	}
	for i := random.Intn(400); i > 0; i-- {
		key := []byte(fmt.Sprintf("key%05d", random.Intn(2000)))
		if random.Intn(4) == 0 {
			err = bucket.Delete(key)
		} else {
			length := random.Intn(300)
			if random.Intn(30) == 0 {
				length = random.Intn(40000)
			}
			value := make([]byte, length)
			random.Read(value)
			err = bucket.Put(key, value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
