module github.com/holdfast-go/holdfast/sim

go 1.25.0

require (
	github.com/anishathalye/porcupine v1.3.1
	github.com/holdfast-go/holdfast v0.0.0-00010101000000-000000000000
)

require github.com/bradfitz/gomemcache v0.0.0-20260422231931-4d751bb6e37c // indirect

replace github.com/holdfast-go/holdfast => ../
