"""What the records of the made-up corpus say for each answer that a coder can give.

The keys are the dimensions and classes of the shipped codebook; each class has one or more
sentences, of which a record carries one. `{city}` stands for the made-up city.
"""

from __future__ import annotations

from collections.abc import Mapping

WORDS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "scope": {
        "urban": ("The work takes place in {city}.", "It is meant for the people of {city}."),
        "not_urban": ("The work is done on farms and in forests; {city} is named once.",),
    },
    "new_to_city": {
        "yes": ("The city had nothing of the kind before.", "It brings a service new to the city."),
        "no": ("It repeats what the city already offers.", "It links offices and adds nothing."),
        "unclear": ("Whether the city had this before is not told.",),
    },
    "real_setting": {
        "yes": (
            "It is tried on real streets with real users.",
            "Households and shops use it in daily life.",
            "A whole neighbourhood tests it.",
        ),
        "no": ("All the work stays in a laboratory.", "It is a study on paper."),
        "unclear": ("Where it would be tried is left open.",),
    },
    "value": {
        "yes": ("A working service comes out of it.", "The product is offered to paying users."),
        "no": ("Guidelines and a report come out of it.", "Its result is a network of experts."),
        "unclear": ("What comes out of it is not told.",),
    },
    "new_technology": {
        "yes": ("The way of working is new as well.", "The method had not been used before."),
        "no": ("It works with ordinary means.", "No new method is used."),
        "unclear": ("By what means it works is not told.",),
    },
    "driver": {
        "living_lab": ("A living lab, in which residents design with firms, carries it out.",),
        "city": ("The city administration leads and carries it out.",),
        "private": ("A group of firms leads and carries it out.",),
        "co_led": ("The city administration and a firm lead it together.",),
        "other": ("A research institute leads it.", "An association leads it."),
        "unknown": ("Who leads it is not told.",),
    },
    "sector": {
        "administration": ("It deals with permits and civic services.", "It opens public data."),
        "transport": ("It deals with buses and parking.", "It steers traffic at junctions."),
        "health_welfare": ("It deals with care of older people.", "It helps clinics and carers."),
        "environment": ("It saves energy in buildings.", "It cleans water and sorts waste."),
        "safety": ("It warns of floods and fires.", "It deals with the prevention of crime."),
        "facility_management": ("It deals with the upkeep of bridges and public buildings.",),
        "education": ("It deals with learning in schools.", "Pupils and teachers learn with it."),
        "culture_tourism_sports": (
            "It deals with museums and visitors.",
            "It serves sports clubs.",
        ),
        "logistics": ("It deals with parcels and the last mile.", "It bundles freight deliveries."),
        "labour_employment": ("It deals with work and skills.", "It helps local firms to grow."),
        "other": ("It fits no usual sector.",),
    },
    "goal": {
        "job_creation": ("Paid work for residents is the main outcome.",),
        "startup_incubation": ("New firms get space, mentors and money.",),
        "new_business_model": (
            "A digital service is developed on its way to revenue.",
            "A new business model for a digital product is worked out.",
        ),
        "special_zone": ("A bounded quarter has shared facilities and its own rules.",),
        "other": ("It serves public policy, without a business of its own.",),
    },
    "stage": {
        "planned": ("So far it is a plan.",),
        "pilot": ("It has reached a pilot in a few places.",),
        "scaled": ("It was extended to more districts and users.",),
        "diffused": ("It is in regular operation all over the city.",),
        "ended": ("It ended without being extended.",),
        "unknown": ("How far it has come is not told.",),
    },
    "citizen_participation": {
        "yes": ("Residents take part in workshops and tests.",),
        "no": ("Nothing is said of residents taking part.",),
    },
    "technologies": {
        "iot": ("Sensors and connected meters send the readings.",),
        "big_data": ("A data platform holds and analyses them.",),
        "ai": ("Machine learning makes forecasts.",),
        "xr": ("A digital twin shows the quarter.",),
        "blockchain": ("A distributed ledger records the exchange.",),
        "robotics": ("Small robots do part of the work.",),
        "none": ("No digital technology is named.",),
    },
    "testbed": {
        "district": ("The test-bed is a district.",),
        "environment": ("Streets and homes are used as they are for testing.",),
        "facility": ("The test-bed is a hub with its own rooms.",),
        "programme": ("Calls choose what is tested.",),
        "none": ("There is no test-bed.",),
    },
    "capability": {
        "sensing": ("Problems are found and framed with those concerned.",),
        "seizing": ("Partners and money were committed.",),
        "transforming": ("Routine work of the city has changed through it.",),
        "none": ("It exercises no capability of the city.",),
    },
}
MULTI = ("technologies", "capability")
