package people

import "math/rand/v2"

var firstNames = []string{
	"Maria", "Tom", "Aisha", "Jonas", "Lena", "Rafael", "Yuki", "Nadia", "Oscar", "Priya", "Samuel", "Ingrid", "Mateo", "Hannah",
	"Kofi", "Elif", "Pavel", "Greta", "Omar", "Clara", "Henrik", "Zofia", "Daniel", "Mei", "Luca", "Amara", "Felix", "Rosa",
	"Viktor", "Noor", "Simon", "Alma", "Theo", "Irena", "Hugo", "Salma", "Anton", "Wanda", "Idris", "Paula",
}

var lastNames = []string{
	"Lopez", "Berg", "Haddad", "Novak", "Silva", "Tanaka", "Weber", "Rossi", "Mensah", "Larsen", "Kaya", "Petrov", "Singh", "Moreau",
	"Fischer", "Costa", "Nowak", "Ali", "Santos", "Horvat", "Keller", "Ito", "Brandt", "Diaz", "Osei", "Lund", "Marino", "Jansen",
	"Popa", "Vega", "Klein", "Sato", "Duarte", "Holm", "Bauer", "Ferri", "Nyberg", "Rahman", "Molina", "Wolf",
}

func callerName(rng *rand.Rand) string {
	return firstNames[rng.IntN(len(firstNames))] + " " + lastNames[rng.IntN(len(lastNames))]
}
