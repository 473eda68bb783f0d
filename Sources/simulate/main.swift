// `meridian simulate` as a program of its own, for those who work on the simulator: it builds without the database.

import Simulation

SimulateCommand.main()
