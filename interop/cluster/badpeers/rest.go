package main

func messages(*run) error  { return nil }
func streams(*run) error   { return nil }
func snapshots(*run) error { return nil }
func removed(*run) error   { return nil }
func starts(*run) error    { return nil }
