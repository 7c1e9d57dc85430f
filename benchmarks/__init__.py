"""ingresskit side by side with kubectl, helm and kubernetes.core, on one cluster and in one run."""
