"""The open tables that breadth.py compares on: how each is read, and what is asked of it.

A folder a table, as its README describes them. `drop` are identifiers and columns that are known
too late or give the target away; `group` columns are no features either.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pandas as pd

Read = Callable[[Path], pd.DataFrame]


@dataclass(frozen=True)
class Table:
    """`read` takes the table's folder; `when` gives the times (n,) of rows that are split by time;
    `dates` are columns that hold a date, and their format."""

    name: str
    target: str
    metric: str
    read: Read
    drop: tuple[str, ...] = ()
    group: str | None = None
    when: Callable[[pd.DataFrame], pd.Series] | None = None
    dates: Mapping[str, str] = field(default_factory=dict)

    def load(self, folder: Path) -> pd.DataFrame:
        """The rows that have a target, without the columns that no one may see."""
        frame = self.read(folder / self.name)
        frame = frame[frame[self.target].notna()].reset_index(drop=True)
        return frame.drop(columns=list(self.drop))


def csv(name: str = "", **options: object) -> Read:
    """Reads the file of that name, or the folder's first."""
    keep = {"keep_default_na": False, "na_values": ["", "NA", "?"]}

    def read(folder: Path) -> pd.DataFrame:
        return pd.read_csv(folder / name if name else sorted(folder.iterdir())[0], **keep | options)

    return read


def time(column: str, form: str) -> Callable[[pd.DataFrame], pd.Series]:
    return lambda frame: pd.to_datetime(frame[column].astype(str), format=form)


def hours(frame: pd.DataFrame) -> pd.Series:
    return pd.to_datetime(frame[["year", "month", "day", "hour"]])


def adult(folder: Path) -> pd.DataFrame:
    lines = (folder / "adult.names").read_text().splitlines()[-14:]
    names = [*(line.partition(":")[0] for line in lines), "income"]
    return csv("adult.data.gz", names=names, skipinitialspace=True)(folder)


def wine(folder: Path) -> pd.DataFrame:
    colours = ("red", "white")
    parts = [csv(f"winequality-{c}.csv", sep=";")(folder).assign(colour=c) for c in colours]
    return pd.concat(parts)


def mice(folder: Path) -> pd.DataFrame:
    frame = csv()(folder)
    return frame.assign(mouse=frame["MouseID"].str.partition("_")[0])


def mixes(folder: Path) -> pd.DataFrame:
    frame = csv("Concrete_Data.csv")(folder)
    return frame.rename(columns=str.strip)


def steel(folder: Path) -> pd.DataFrame:
    names = (folder / "Faults27x7_var").read_text().split()
    frame = csv("Faults.NNA", sep="\t", names=names)(folder)
    return frame[names[:27]].assign(fault=frame[names[27:]].idxmax(axis=1))


def beans(folder: Path) -> pd.DataFrame:
    text = pd.read_csv(folder / "Dry_Bean_Dataset.arff.gz", sep="\0", header=None)[0]
    names = text[text.str.startswith("@ATTRIBUTE")].str.split().str[1].tolist()
    rows = text[text.str.fullmatch(r"[^@%].*,[A-Z]+")].str.split(",", expand=True)
    return rows.set_axis(names, axis=1).astype(dict.fromkeys(names[:-1], float))


def kernels(folder: Path) -> pd.DataFrame:
    frame = csv("sgemm_product.csv.gz")(folder)
    return frame.iloc[:, :14].assign(milliseconds=frame.iloc[:, 14:].mean(axis=1))


def hotels(folder: Path) -> pd.DataFrame:
    return csv(na_values=["NULL", "NA", ""])(folder)


def arrival(frame: pd.DataFrame) -> pd.Series:
    parts = frame[[f"arrival_date_{each}" for each in ("year", "month", "day_of_month")]]
    return pd.to_datetime(parts.astype(str).agg("-".join, axis=1), format="%Y-%B-%d")


def readmitted(folder: Path) -> pd.DataFrame:
    frame = csv("diabetic_data.csv.gz", low_memory=False)(folder)
    return frame.assign(readmitted=(frame["readmitted"] == "<30").astype(int))


def subway(folder: Path) -> pd.DataFrame:
    read = partial(pd.read_csv, encoding="cp949", dtype={"역ID": str})
    parts = [read(file).rename(columns={"호선명": "노선명"}) for file in sorted(folder.glob("*"))]
    return pd.concat(parts)


def flights(folder: Path) -> pd.DataFrame:
    return pd.read_parquet(folder / "flights.parquet")


FAULTS = ("TWF", "HDF", "PWF", "OSF", "RNF")
STRENGTH = "Concrete compressive strength(MPa, megapascals)"
UJI = ("LONGITUDE", "LATITUDE", "BUILDINGID", "SPACEID", "RELATIVEPOSITION", "PHONEID", "TIMESTAMP")
LATE = ("dep_time", "dep_delay", "arr_time", "air_time")
DUST = "초미세먼지(㎍/㎥)"
ISO = "%Y-%m-%d %H:%M:%S"

TABLES = (  # the fewest cells first
    Table("energy_efficiency", "Y1", "rmse", csv("ENB2012_data.csv"), drop=("Y2",)),
    Table("insurance", "expenses", "mae", csv()),
    Table("concrete", STRENGTH, "rmse", mixes),
    Table("student_performance", "G3", "rmse", csv("student-por.csv", sep=";"), drop=("G1", "G2")),
    Table(
        "cervical_cancer",
        "Biopsy",
        "roc_auc",
        csv(),
        drop=("Hinselmann", "Schiller", "Citology"),
    ),
    Table(
        "abalone",
        "rings",
        "mae",
        csv(
            names=[
                "sex",
                "length",
                "diameter",
                "height",
                "whole",
                "shucked",
                "viscera",
                "shell",
                "rings",
            ]
        ),
    ),
    Table(
        "sms_spam",
        "kind",
        "roc_auc",
        csv("SMSSpamCollection", sep="\t", names=["kind", "message"], quoting=3),
    ),
    Table(
        "midwest_survey",
        "Census_Region",
        "accuracy",
        csv(),
        drop=("RespondentID", "In_what_ZIP_code_is_your_home_located"),
    ),
    Table("open_payments", "status", "roc_auc", csv()),
    Table(
        "employee_salaries",
        "current_annual_salary",
        "mae",
        csv(),
        dates={"date_first_hired": "%m/%d/%Y"},
    ),
    Table("wine_quality", "quality", "rmse", wine),
    Table("diamonds", "price", "mae", csv()),
    Table("protein_structure", "RMSD", "rmse", csv()),
    Table("california_housing", "median_house_value", "rmse", csv()),
    Table(
        "ai4i_maintenance", "Machine failure", "roc_auc", csv(), drop=("UDI", "Product ID", *FAULTS)
    ),
    Table(
        "seoul_air",
        DUST,
        "rmse",
        csv(encoding="cp949"),
        when=time("측정일시", "%Y%m%d"),
        dates={"측정일시": "%Y%m%d"},
    ),
    Table("beijing_pm25", "pm2.5", "rmse", csv(), drop=("No",), when=hours),
    Table(
        "metro_traffic",
        "traffic_volume",
        "rmse",
        csv(),
        when=time("date_time", ISO),
        dates={"date_time": ISO},
    ),
    Table(
        "seoul_bike",
        "Rented Bike Count",
        "rmsle",
        csv(encoding="latin-1"),
        when=time("Date", "%d/%m/%Y"),
        dates={"Date": "%d/%m/%Y"},
    ),
    Table("adult", "income", "roc_auc", adult),
    Table("sgemm", "milliseconds", "rmsle", kernels),
    Table(
        "letter_recognition",
        "letter",
        "accuracy",
        csv(names=["letter", *(f"x{i}" for i in range(16))]),
    ),
    Table("dry_bean", "Class", "f1_macro", beans),
    Table("online_shoppers", "Revenue", "roc_auc", csv()),
    Table(
        "bank_marketing",
        "y",
        "roc_auc",
        csv("bank-additional-full.csv.gz", sep=";"),
        drop=("duration",),
    ),
    Table(
        "king_county_houses",
        "price",
        "rmsle",
        csv(),
        drop=("id",),
        when=time("date", "%Y%m%dT%H%M%S"),
        dates={"date": "%Y%m%dT%H%M%S"},
    ),
    Table(
        "parkinsons",
        "motor_UPDRS",
        "mae",
        csv("parkinsons_updrs.data"),
        drop=("total_UPDRS",),
        group="subject#",
    ),
    Table("steel_plates", "fault", "log_loss", steel),
    Table("brfss_diabetes", "Diabetes_binary", "roc_auc", csv()),
    Table("credit_default", "default payment next month", "roc_auc", csv(header=1), drop=("ID",)),
    Table(
        "hotel_bookings",
        "is_canceled",
        "roc_auc",
        hotels,
        drop=("reservation_status", "reservation_status_date"),
        when=arrival,
    ),
    Table(
        "appliances_energy", "Appliances", "mae", csv(), when=time("date", ISO), dates={"date": ISO}
    ),
    Table(
        "seoul_subway",
        "승차총승객수",
        "rmsle",
        subway,
        drop=("하차총승객수", "등록일자"),
        when=time("사용일자", "%Y%m%d"),
        dates={"사용일자": "%Y%m%d"},
    ),
    Table(
        "nycflights13",
        "arr_delay",
        "mae",
        flights,
        drop=LATE,
        when=time("time_hour", "%Y-%m-%dT%H:%M:%SZ"),
        dates={"time_hour": "%Y-%m-%dT%H:%M:%SZ"},
    ),
    Table(
        "mice_protein",
        "class",
        "log_loss",
        mice,
        drop=("MouseID", "Genotype", "Treatment", "Behavior"),
        group="mouse",
    ),
    Table(
        "diabetes_hospitals",
        "readmitted",
        "roc_auc",
        readmitted,
        drop=("encounter_id",),
        group="patient_nbr",
    ),
    Table("uji_indoor", "FLOOR", "accuracy", csv("trainingData.csv.gz"), drop=UJI, group="USERID"),
)
