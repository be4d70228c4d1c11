"""What can be done to a job after it was added, and who may see it."""

from __future__ import annotations

from typing import Any

import pytest

from mediaglot.gateway.auth import Credential
from mediaglot.gateway.model import Secret

pytestmark = [pytest.mark.ffmpeg, pytest.mark.usefixtures("no_mistakes")]
LOCAL = "https://media.mediaglot.test/bars-1s-320x180-25fps.mp4"
LONG = "https://media.mediaglot.test/bars-8s-320x180-25fps.mp4"
SMALL = {"output": "mp4", "size": "160x90"}
BROKEN = {"output": "vp6_flix"}
WRONG = {"errors": {"error": "Wrong user id or key!"}}


def error(answer: Any) -> str:
    assert list(answer) == ["errors"], answer
    return str(answer["errors"]["error"])


async def gone(client: Any, link: str) -> bool:
    return (await client.get(link))[0] == 404


# --- benchmark ----------------------------------------------------------------------------------------


async def test_a_benchmark_waits_and_is_processed_when_told(client: Any, receiver: Any) -> None:
    media = await client.add(LOCAL, SMALL, action="AddMediaBenchmark", notify=f"{receiver.url}/n", notify_format="json")
    (ready,) = await receiver.at("/n")
    assert (ready["mediaid"], ready["status"]) == (media, "Ready to process")
    waiting = await client.status(media)
    assert waiting["status"] == "Ready to process"
    assert waiting["downloaded"] != "0000-00-00 00:00:00"
    assert waiting["format"]["status"] == "New"
    assert (await client.json("GetMediaInfo", mediaid=media))["size"] == "320x180"
    assert await client.json("ProcessMedia", mediaid=media) == {"message": "Started"}
    assert (await client.end(media))["status"] == "Finished"
    assert [one["status"] for one in await receiver.at("/n", 2)] == ["Ready to process", "Finished"]
    assert "ProcessMedia" not in error(await client.json("ProcessMedia", mediaid=media))


async def test_a_benchmark_without_formats_gets_them_later(client: Any, measure: Any) -> None:
    added = await client.xml("AddMediaBenchmark", source=LOCAL)
    media = added["MediaID"]
    held = await client.reach(media, "Ready to process")
    assert "format" not in held
    error(await client.json("ProcessMedia", mediaid=media))
    assert await client.json("UpdateMedia", mediaid=media, format=[SMALL, {"output": "mp3"}]) == {"message": "Updated"}
    done = await client.end(media)
    assert done["status"] == "Finished"
    video, sound = [measure((await client.get(one["s3_destination"]))[2]) for one in done["format"]]
    assert video["size"] == (160, 90)
    assert sound["codecs"] == {"audio": "mp3"}


async def test_media_information_is_an_error_until_there_is_some(serve: Any, origin: Any) -> None:
    client = await serve(fetch_stall=20)
    media = await client.add(f"{origin.url}/hang.mp4", SMALL)
    await origin.reached.wait()
    for _ in range(2):
        assert "not available" in error(await client.json("GetMediaInfo", mediaid=media))
    assert (await client.status(media))["status"] == "Downloading"
    await client.json("CancelMedia", mediaid=media)


async def test_new_formats_replace_what_is_being_made(serve: Any, slow: Any, encoders: Any, measure: Any) -> None:
    client = await serve(ffmpeg=str(slow))
    media = await client.add(LONG, SMALL)
    before = await client.encoding(media)
    assert (await client.json("UpdateMedia", mediaid=media, format={"output": "mp3"}))["message"] == "Updated"
    after = await client.status(media)
    assert after["format"]["id"] != before["format"]["id"]
    assert (after["format"]["output"], after["format"]["convertedsize"]) == ("mp3", "0")
    done = await client.end(media)
    assert (done["status"], done["format"]["id"]) == ("Finished", after["format"]["id"])
    assert measure((await client.get(done["format"]["s3_destination"]))[2])["codecs"] == {"audio": "mp3"}
    assert encoders() == []


async def test_new_formats_have_the_pictures_that_they_name(serve: Any, slow: Any, origin: Any) -> None:
    client = await serve(ffmpeg=str(slow))
    before, after = (
        SMALL | {"overlay": {"overlay_source": f"{origin.url}/clips/{name}"}}
        for name in ("bars-64x64.png", "bars-32x32.png")
    )
    media = await client.add(LONG, before)
    await client.encoding(media)
    await client.json("UpdateMedia", mediaid=media, format=after)
    assert (await client.end(media))["status"] == "Finished"
    assert [request.path for request in origin.asked] == ["/clips/bars-64x64.png", "/clips/bars-32x32.png"]


# --- stop, cancel, restart ------------------------------------------------------------------------------


async def test_stop_ends_a_job_that_runs_and_restart_does_it_again(serve: Any, slow: Any, encoders: Any) -> None:
    client = await serve(ffmpeg=str(slow))
    media = await client.add(LONG, SMALL)
    await client.encoding(media)
    assert encoders()
    assert await client.json("StopMedia", mediaid=media) == {"message": "Stopped"}
    assert encoders() == []
    stopped = await client.status(media)
    assert (stopped["status"], stopped["format"]["status"]) == ("Stopped", "Stopped")
    error(await client.json("StopMedia", mediaid=media))
    assert await client.json("RestartMedia", mediaid=media) == {"message": "Restarted"}
    again = await client.end(media)
    assert again["status"] == "Finished"
    assert again["format"]["id"] == stopped["format"]["id"]
    assert (await client.get(again["format"]["s3_destination"]))[0] == 200


async def test_a_cancelled_media_is_gone_with_its_results(client: Any) -> None:
    media = await client.add(LOCAL, SMALL)
    kept = await client.add(LOCAL, SMALL)
    link = (await client.end(media))["format"]["s3_destination"]
    assert await client.json("CancelMedia", mediaid=media) == {"message": "Deleted"}
    assert media in error(await client.json("GetStatus", mediaid=media))
    assert media in error(await client.json("GetStatus", mediaid=media))
    extended = await client.json("GetStatus", mediaid=f"{media},{kept}", extended="yes")
    assert extended["job"][0] == {"id": media, "deleted": "yes"}
    assert extended["job"][1]["id"] == kept
    assert await gone(client, link)
    for action in ("CancelMedia", "StopMedia", "RestartMedia", "RestartMediaErrors", "ProcessMedia", "GetMediaInfo"):
        error(await client.json(action, mediaid=media))
    assert [one["mediaid"] for one in (await client.json("GetMediaList"))["media"]] == [kept]


async def test_several_media_are_cancelled_at_once_or_not_at_all(serve: Any) -> None:
    client = await serve(backend="simulated")
    first, second = [await client.add(LOCAL, SMALL) for _ in range(2)]
    error(await client.json("CancelMedia", mediaid=f"{first},99999"))
    assert (await client.status(first))["id"] == first
    assert (await client.json("CancelMedia", mediaid=f"{first}, {second},{first}"))["message"] == "Deleted"
    assert (await client.json("GetMediaList"))["media"] == []


async def test_only_failed_tasks_are_done_again(client: Any) -> None:
    media = await client.add(LOCAL, SMALL, BROKEN)
    before = await client.end(media)
    assert before["status"] == "Error"
    assert [one["status"] for one in before["format"]] == ["Finished", "Error"]
    assert await client.json("RestartMediaErrors", mediaid=media) == {"message": "Restarted"}
    after = await client.end(media)
    assert [one["status"] for one in after["format"]] == ["Finished", "Error"]
    assert after["format"][0]["finished"] == before["format"][0]["finished"]
    assert after["format"][0]["s3_destination"] == before["format"][0]["s3_destination"]
    good = await client.add(LOCAL, SMALL)
    await client.end(good)
    error(await client.json("RestartMediaErrors", mediaid=good))


async def test_one_task_is_done_again(client: Any) -> None:
    media = await client.add(LOCAL, SMALL, {"output": "mp3"})
    before = await client.end(media)
    task = before["format"][1]["id"]
    assert await client.json("RestartMediaTask", mediaid=media, taskid=task) == {"message": "Task restarted"}
    after = await client.end(media)
    assert after["status"] == "Finished"
    assert [one["id"] for one in after["format"]] == [one["id"] for one in before["format"]]
    assert (await client.get(after["format"][1]["s3_destination"]))[0] == 200
    error(await client.json("RestartMediaTask", mediaid=media, taskid="1"))
    error(await client.json("RestartMediaTask", mediaid=media))


async def test_a_lost_task_is_told_of_by_itself(client: Any, receiver: Any) -> None:
    where = {"notify": f"{receiver.url}/ended", "notify_encoding_errors": f"{receiver.url}/lost"}
    wide = SMALL | {"audio_codec": "libmp3lame", "output": "webm"}
    media = await client.add(LOCAL, SMALL, BROKEN, wide, notify_format="json", **where)
    (ended,) = await receiver.at("/ended")
    assert ended["status"] == "Error"
    assert [one["status"] for one in ended["format"]] == ["Finished", "Error", "Error"]
    assert ended["format"][1]["description"]
    lost = await receiver.at("/lost", 2)
    assert {(one["mediaid"], one["status"]) for one in lost} == {(media, "Error")}


# --- status and lists -----------------------------------------------------------------------------------


async def test_status_of_several_media(client: Any) -> None:
    first, second = await client.add(LOCAL, SMALL), await client.add(LOCAL, SMALL, {"output": "mp3"})
    await client.end(first)
    await client.end(second)
    for answer in (
        await client.json("GetStatus", mediaid=f"{first},{second}", extended="yes"),
        await client.json("GetStatus", mediaid=[first, second]),
        await client.xml("GetStatus", mediaid=f"{second},{first}", extended="yes"),
    ):
        assert {job["id"] for job in answer["job"]} == {first, second}
        assert {job["status"] for job in answer["job"]} == {"Finished"}
    alone = await client.json("GetStatus", mediaid=second, extended="yes")
    assert alone["job"]["id"] == second
    assert [one["progress"] for one in alone["job"]["format"]] == ["100.0", "100.0"]
    assert "size" not in alone["job"]["format"][0]
    error(await client.json("GetStatus", mediaid="1,2", extended="yes"))


async def test_the_history_of_a_task(client: Any) -> None:
    media = await client.add(LOCAL, SMALL)
    await client.end(media)
    answer = await client.json("GetStatus", mediaid=media, include_task_status="yes")
    states = answer["format"]["task_status"]["state"]
    assert [one["message"] for one in states] == ["New", "Processing", "Saving", "Finished"]
    assert sorted(one["time"] for one in states) == [one["time"] for one in states]


async def test_lists_in_all_three_versions(serve: Any) -> None:
    client = await serve(backend="simulated")
    media = [await client.add(LOCAL, SMALL) for _ in range(7)]
    for one in media:
        await client.end(one)
    plain = (await client.json("GetMediaList"))["media"]
    assert [one["mediaid"] for one in plain] == media
    assert list(plain[0]) == ["mediafile", "mediaid", "mediastatus", "createdate", "startdate", "finishdate"]
    assert plain[0]["mediastatus"] == "Finished"
    assert "closeddate" in (await client.json("GetMediaList", version=2))["media"][0]
    page = await client.json("GetMediaList", version="3", per_page=5, page=2, order="desc", format_params="size")
    assert page["pagination"] == {"per_page": "5", "page": "2", "count": "2", "total": "7", "pages": "2"}
    assert [one["id"] for one in page["media"]] == media[1::-1]
    assert page["media"][0]["format"]["size"] == "160x90"
    assert (await client.xml("GetMediaList"))["media"][6]["mediaid"] == media[6]
    only = await client.json("GetMediaList", version=3, mediaid=media[3])
    assert [one["id"] for one in only["media"]] == [media[3]]


async def test_presets_are_listed_and_deleted(client: Any) -> None:
    assert (await client.json("GetPresetsList", type="all"))["user"] == []
    made = await client.json("SavePreset", name="one", format=[SMALL, {"output": "mp3"}])
    assert made["SavedPreset"] == ["one", "one 2"]
    added = await client.json("AddMedia", source=LOCAL, format=SMALL | {"save_preset": "three"})
    assert added["SavedPreset"] == "three"
    assert [one["name"] for one in (await client.json("GetPresetsList"))["user"]] == ["one", "one 2", "three"]
    assert await client.json("DeletePreset", name="one") == {"message": "Deleted"}
    error(await client.json("DeletePreset", name="one"))
    error(await client.json("GetPreset", name="one", type="all"))
    error(await client.json("AddMedia", source=LOCAL, format={"output_preset": "one"}))


# --- accounts -------------------------------------------------------------------------------------------


async def test_accounts_see_nothing_of_each_other(client: Any) -> None:
    mine = await client.add(LOCAL, SMALL)
    await client.json("SavePreset", name="mine", format=SMALL)
    await client.end(mine)
    for other in (client.as_user("200"), client.as_user("100", "another key")):
        assert (await other.json("GetMediaList"))["media"] == []
        assert (await other.json("GetMediaList", version=3))["pagination"]["total"] == "0"
        assert (await other.json("GetPresetsList"))["user"] == []
        for action in ("GetStatus", "GetMediaInfo", "StopMedia", "CancelMedia", "RestartMedia", "ProcessMedia"):
            unknown = error(await other.json(action, mediaid=mine))
            assert unknown == error(await other.json(action, mediaid="99")).replace("99", mine)
        assert error(await other.json("UpdateMedia", mediaid=mine, format=SMALL)) == f"There is no media {mine}"
        error(await other.json("GetStatus", mediaid=f"{mine},{mine}", extended="yes"))
        error(await other.json("AddMedia", source=LOCAL, format={"output_preset": "mine"}))
    assert (await client.status(mine))["status"] == "Finished"
    theirs = await client.as_user("200").add(LOCAL, SMALL)
    assert theirs != mine


@pytest.mark.parametrize("key", ["", "bad key", "GOOD", "good0"])
async def test_a_list_of_accounts_keeps_everybody_else_out(serve: Any, key: str) -> None:
    listed = {"encoding_com": (Credential("100", Secret("good")),)}
    client = (await serve(backend="simulated", accounts=listed)).as_user("100", "good")
    media = await client.add(LOCAL, SMALL)
    await client.status(media)
    for other in (client.as_user("100", key), client.as_user("101", "good")):
        assert await other.json("GetStatus", mediaid=media) == WRONG
        assert await other.xml("AddMedia", source=LOCAL, format=SMALL) == WRONG


async def test_credentials_must_be_well_formed(client: Any) -> None:
    for query in (
        {},
        {"userid": "100"},
        {"userkey": "k"},
        {"userid": "me", "userkey": "k"},
        {"userid": {}, "userkey": []},
    ):
        assert await client.query({"action": "GetMediaList", **query}) == WRONG
    token = {"action": "GetMediaList", "oidc_refresh_token": "abc"}
    assert await client.query(token) == {"media": []}


async def test_account_actions(serve: Any) -> None:
    client = await serve(backend="simulated", workers=3)
    info = await client.json("GetUserInfo", action_user_id="100")
    assert (info["action"], info["status"], info["result"]["user_id"]) == ("getuserinfo", "Success", "100")
    reserved = await client.xml("getReservedInfo")
    assert (reserved["action"], reserved["status"]) == ("getreservedinfo", "Success")
    assert (reserved["result"]["total_threads"], reserved["result"]["iddle_threads"]) == ("3", "3")
