"""Who is measured: one small file for each peer, all behind `interface.Peer`."""
