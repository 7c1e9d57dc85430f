"""The local test bed: Docker, a kind cluster and the images it runs, also where no registry can be reached."""
