"""The format document: what has no meaning here is kept, what is empty is absent, what is wrong is refused."""

from __future__ import annotations

from typing import Any

import pytest

from mediaglot.emulators.encoding_com.document import read_format, write_format
from mediaglot.emulators.encoding_com.video import AUDIO, VIDEO
from mediaglot.gateway.faults import BadRequest
from mediaglot.gateway.loss import Kind, Ledger
from mediaglot.gateway.model import (
    Output,
)


def read(**tree: Any) -> tuple[Output, list[str]]:
    ledger = Ledger()
    output = read_format({"output": "mp4", **tree}, ledger)
    return output, [loss.path for loss in ledger if loss.kind is Kind.UNREAD]


KEPT = """
    rc_init_occupancy muxrate two_pass_decoding turbo twin_turbo encoder veryfast remove_grain transfer_characteristics
    matrix_coefficients scaler_lib slices dc lmin lmax rc_min_vbv_use rc_max_vbv_use video_tag alpha_mask
    framerate_interpolation framerate_method mxf_profile mxf_multiplex_type gxf_sequential_field_num burnin_timecode
    vp6_profile upct kfinttype sharpness cxmode VCodecParameters use_video_codec_parameters init_video_codec_parameters
    acbr dolby_cbr audio_minrate audio_maxrate audio_bufsize downmix_mode audio_normalization pan audio_stream
    copy_audio_streams aac_signaling_mode audio_encoder audio_profile auto_audio_trim dmg_alerts loudness_mode
    input_speech clipmode prolimiter_max_peak input_dialnorm dmix_mode add_meta hint copy_timestamps closed_captions
    encryption encryption_method encryption_key encryption_key_file encryption_iv encryption_password drm drm-policy
    nielsen_id copy_nielsen_metadata extends protected_public_result target maps thumb_time thumb_size
    thumb_destination my_own_bookkeeping
""".split()


@pytest.mark.parametrize("key", KEPT)
@pytest.mark.parametrize("value", ["yes", {"a": "1"}, ["1", "2"]])
def test_a_parameter_without_a_meaning_here_is_kept_and_noted(key: str, value: Any) -> None:
    output, unread = read(**{key: value})
    assert output.extras == {"encoding_com": {key: value}}
    assert unread == [key]
    assert write_format(output, Ledger())[key] == value


STILL_KEPT = "public_vtt_url video_codec resize_method".split()


@pytest.mark.parametrize("key", [*STILL_KEPT, "sharpen_radius", "remove_metadata"])
def test_a_thumbnails_further_parameters_are_kept(key: str) -> None:
    output, unread = read(output="thumbnail", **{key: "1"})
    assert output.extras == {"encoding_com": {key: "1"}}
    assert unread == [key]


@pytest.mark.parametrize("empty", ["", None, [], {}])
def test_empty_values_are_absent(empty: Any) -> None:
    keys = dict.fromkeys([*VIDEO.keys, *AUDIO.keys, *KEPT, "logo", "overlay", "metadata", "start"], empty)
    output, unread = read(**keys)
    assert (output.video, output.audio, output.extras, unread) == (None, None, {}, [])


@pytest.mark.parametrize(
    ("tree", "field"),
    [
        ({"bitrate": "fast"}, "bitrate"),
        ({"size": "big"}, "size"),
        ({"size": ["1x1", "2x2"]}, "size"),
        ({"keyframe": "-1"}, "keyframe"),
        ({"framerate": "0"}, "framerate"),
        ({"framerate": "1001"}, "framerate"),
        ({"force_keyframes": "9" * 5000 + "s"}, "force_keyframes"),
        ({"force_keyframes": "1,x"}, "force_keyframes"),
        ({"noise_reduction": "1:2"}, "noise_reduction"),
        ({"rotate": "45"}, "rotate"),
        ({"rotate": {"a": 1}}, "rotate"),
        ({"crop_left": "wide"}, "crop_left"),
        ({"profile": "hi10"}, "profile"),
        ({"two_pass": "maybe"}, "two_pass"),
        ({"video_codec": "h264; rm -rf"}, "video_codec"),
        ({"audio_sample_rate": "1e99999999"}, "audio_sample_rate"),
        ({"audio_volume": "-5"}, "audio_volume"),
        ({"start": "soon"}, "start"),
        ({"metadata": "x"}, "metadata"),
        ({"file_extension": "../../etc"}, "file_extension"),
        ({"destination": ["ftp://h/a", "nowhere"]}, "destination.1"),
        ({"logo": {"logo_x": "1"}}, "logo.0.logo_source"),
        ({"overlay": [{"overlay_source": "http://h/a", "overlay_start": "x"}]}, "overlay.0.overlay_start"),
        ({"text_overlay": [{"text": "a"}, {"text": ""}]}, "text_overlay.1.text"),
        ({"overlay": "http://h/a"}, "overlay.0.overlay_source"),
        ({"logo": [{"logo_source": "http://h/a"}] * 21}, "overlay"),
        ({"video_codec_parameters": {"refs": "many"}}, "video_codec_parameters"),
    ],
)
def test_a_wrong_value_is_refused_by_its_place(tree: dict[str, Any], field: str) -> None:
    with pytest.raises(BadRequest) as caught:
        read_format({"output": "mp4", **tree}, Ledger().within("format").within(0))
    assert field in str(caught.value.data["field"])
    assert str(caught.value.data["field"]).startswith("format.0.")
