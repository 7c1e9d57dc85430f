"""The manifests of what GitOps needs on the test bed."""

import pytest

from testbed import docker, gitops, images


def objects(part, id_="sha256:1"):
    return part.objects({name: docker.Image(id_, {}) for name in part.images})


@pytest.mark.parametrize("part", gitops.PARTS, ids=lambda part: part.name)
def test_a_part_runs_the_images_that_the_test_bed_makes_and_waits_for_all_of_it(part):
    workloads = [one for one in objects(part) if one["kind"] in ("Deployment", "StatefulSet")]
    assert {f"{one['kind'].lower()}/{one['metadata']['name']}" for one in workloads} == set(part.workloads)
    pods = [one["spec"]["template"]["spec"] for one in workloads]
    run = {container["image"] for pod in pods for container in pod["containers"] + pod.get("initContainers", [])}
    assert run == {images.RECIPE_OF[name].reference for name in part.images}
    assert set(part.images) <= set(images.GITOPS), "load --gitops brings them"


@pytest.mark.parametrize("part", gitops.PARTS, ids=lambda part: part.name)
def test_a_new_image_rolls_the_pods(part):
    def templates(id_):
        return [
            one["spec"]["template"]
            for one in objects(part, id_)
            if one["metadata"]["name"] and "template" in one.get("spec", {})
        ]

    assert all(old != new for old, new in zip(templates("sha256:1"), templates("sha256:2"), strict=True))


@pytest.mark.parametrize("part", gitops.PARTS, ids=lambda part: part.name)
def test_all_of_a_part_goes_with_its_namespace_and_nothing_else_has_its_name(part):
    scoped = [one["metadata"].get("namespace") for one in objects(part)]
    assert {namespace for namespace in scoped if namespace} == {part.name}
