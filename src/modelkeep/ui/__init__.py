"""Pages for people: rendered here, readable without JavaScript, never changing anything."""
