//! Every scheme on a number of its own (random, given to nobody), and what its check digits promise.

use super::super::tests::{alone, among};
use super::*;

/// A number of each scheme. Drawn at random: whom they might name was not looked for.
const NUMBERS: &[(&str, &str)] = &[
    ("ad-nrt", "A-325325-S"),
    ("ae-eid", "784-1939-1971144-5"),
    ("al-nipt", "K60181590Q"),
    ("ar-cuit", "20-39873493-9"),
    ("at-steuernummer", "72-962/1433"),
    ("at-svnr", "9620 020695"),
    ("au-abn", "73 024 948 395"),
    ("au-acn", "071 265 382"),
    ("au-medicare", "3566 58270 1"),
    ("au-tfn", "833 559 677"),
    ("az-voen", "7333625851"),
    ("be-nn", "76.04.30-336.97"),
    ("bg-egn", "6706171202"),
    ("bg-lnch", "7455703089"),
    ("br-cnh", "61144999840"),
    ("br-cnpj", "94.992.471/0005-09"),
    ("br-cns", "774480897140324"),
    ("br-cpf", "410.402.232-22"),
    ("br-pis", "151.61288.22-5"),
    ("br-titulo", "289773810248"),
    ("by-unp", "379979039"),
    ("ca-bc-phn", "9478 957 203"),
    ("ca-bn", "956659791RT0001"),
    ("ca-ohip", "4507-724-757-GW"),
    ("ca-sin", "258 136 985"),
    ("ch-ahv", "756.3328.0113.09"),
    ("ch-uid", "CHE-054.495.938"),
    ("cl-rut", "12.646.498-3"),
    ("cn-ric", "310101198002270305"),
    ("cn-uscc", "9111000000269517XT"),
    ("co-nit", "989186339-8"),
    ("cu-ni", "95080591552"),
    ("cz-ico", "49946374"),
    ("cz-rc", "940102/1620"),
    ("de-ausweis", "L01X00T47"),
    ("de-kvnr", "D337320608"),
    ("de-lanr", "754664701"),
    ("de-steuer-id", "81281754081"),
    ("de-steuer-id-issued", "54826591758"),
    ("de-svnr", "30201182U488"),
    ("dk-cpr", "280662-1524"),
    ("dk-cvr", "50225887"),
    ("do-cedula", "781-8184258-0"),
    ("do-rnc", "1-28-37772-3"),
    ("ec-cedula", "1754013546"),
    ("ec-ruc", "1731772065001"),
    ("ee-isikukood", "35301184643"),
    ("eg-nid", "27507110125077"),
    ("es-cif", "H12790887"),
    ("es-naf", "41/55890218/05"),
    ("es-nie", "Z9954500J"),
    ("es-nif", "32820584K"),
    ("eu-vat", "DE439444719"),
    ("fi-hetu", "110887-959X"),
    ("fi-ytunnus", "5504049-9"),
    ("fr-nir", "189030672929087"),
    ("fr-nir-13", "2771021242126"),
    ("fr-siren", "671244523"),
    ("fr-siret", "38080850196377"),
    ("fr-spi", "3675660917103"),
    ("gb-driving-licence", "EELK9703290U9KGQ"),
    ("gb-nhs", "049 860 0866"),
    ("gb-nino", "CC130827B"),
    ("gb-utr", "2322323545"),
    ("gh-tin", "P0001288326"),
    ("gr-afm", "178197170"),
    ("gr-amka", "31058601456"),
    ("gt-nit", "7341962-1"),
    ("hk-id", "Z811926(1)"),
    ("hr-oib", "18545004112"),
    ("hu-ado", "8565890384"),
    ("hu-adoszam", "08467656-2-41"),
    ("hu-szemelyi", "1-510710-4861"),
    ("hu-taj", "004 459 297"),
    ("id-nik", "3201010910770002"),
    ("id-npwp", "05.628.979.6-947.000"),
    ("ie-pps", "3008482P"),
    ("il-id", "074157637"),
    ("in-aadhaar", "3991 4648 3341"),
    ("in-epic", "HWO0896531"),
    ("in-gstin", "27IWOCC2207P1ZT"),
    ("in-gstin-form", "27PQBPR7705I1ZS"),
    ("in-pan", "JPWPO8871V"),
    ("in-vid", "3297 7058 2554 9368"),
    ("ir-melli", "3639112261"),
    ("is-kennitala", "221250-8429"),
    ("it-codice-fiscale", "ASIAQI11P17G924I"),
    ("it-partita-iva", "01512660968"),
    ("jmbg", "2201969289507"),
    ("jp-corporate", "8389726732977"),
    ("jp-my-number", "7466 2483 5478"),
    ("ke-pin", "P003075330E"),
    ("kr-brn", "118-86-25965"),
    ("kr-rrn", "811117-1694544"),
    ("kr-rrn-checked", "511023-3915735"),
    ("kz-iin", "730108118148"),
    ("lk-nic", "870902702V"),
    ("lt-asmens-kodas", "36705275204"),
    ("lu-nid", "1985040760523"),
    ("lv-personas-kods", "041187-10920"),
    ("ma-ice", "009214747100048"),
    ("md-idno", "1815098296674"),
    ("me-pib", "02225620"),
    ("mk-edb", "4095386991184"),
    ("mu-nid", "W240356919502G"),
    ("mx-curp", "DACH740326MDFBCI08"),
    ("mx-nss", "99220451308"),
    ("mx-rfc", "EADB610710KJ8"),
    ("mx-rfc-form", "EOLI780220FU9"),
    ("my-nric", "751017-01-7288"),
    ("mz-nuit", "487599638"),
    ("national-id", "44051401359"),
    ("ng-nin", "68909723347"),
    ("nl-bsn", "197878313"),
    ("no-fodselsnummer", "26069328325"),
    ("no-orgnr", "825 278 249"),
    ("nz-ird", "68-548-195"),
    ("nz-nhi", "CCM4839"),
    ("pe-dni", "10117410-2"),
    ("cr-cedula", "3-101-204733"),
    ("de-steuernummer", "181/815/08155"),
    ("pe-ruc", "20488357396"),
    ("ph-tin", "138-297-626-000"),
    ("pk-cnic", "78098-1444149-7"),
    ("pl-dowod", "YWN657182"),
    ("pl-nip", "599-165-89-95"),
    ("pl-paszport", "DL9835960"),
    ("pl-pesel", "90121794142"),
    ("pl-regon", "450808802"),
    ("pt-cc", "55763629 6 ZZ9"),
    ("pt-nif", "207142254"),
    ("pt-niss", "15746079549"),
    ("py-ruc", "80631675-6"),
    ("ro-cnp", "2571227127011"),
    ("ro-cui", "63151320"),
    ("rs-pib", "147629632"),
    ("ru-inn", "567194363284"),
    ("ru-ogrn", "1497762294028"),
    ("ru-snils", "277-141-723 80"),
    ("sa-id", "2380724910"),
    ("se-orgnr", "556772-3852"),
    ("se-personnummer", "19690128-4106"),
    ("sg-nric", "S7473793E"),
    ("sg-uen", "52712816C"),
    ("si-davcna", "46654283"),
    ("sk-dic", "2040334527"),
    ("sv-dui", "07572101-1"),
    ("sv-nit", "0614-181062-135-9"),
    ("th-pin", "1-4078-65991-30-9"),
    ("tn-mf", "5804669A"),
    ("tr-tckn", "71429196278"),
    ("tr-vkn", "2128266964"),
    ("tw-id", "Z213309687"),
    ("tw-ubn", "13870135"),
    ("ua-edrpou", "37505333"),
    ("ua-rntrc", "3205690220"),
    ("us-dea", "BJ0975081"),
    ("us-ein", "46-8729184"),
    ("us-itin", "924-73-2801"),
    ("us-mbi", "1EG4-TE5-MK38"),
    ("us-npi", "1094776519"),
    ("uy-ci", "6.667.308-7"),
    ("uy-rut", "213945940011"),
    ("uz-pinfl", "31504933905369"),
    ("ve-rif", "J-43185404-9"),
    ("vn-cccd", "001300672350"),
    ("vn-mst", "0391159405"),
    ("za-id", "9201155409084"),
    ("za-tax", "0659498554"),
];

fn scheme(name: &str) -> &'static Scheme {
    schemes().find(|scheme| scheme.name == name).unwrap_or_else(|| panic!("no scheme {name}"))
}

fn valid(scheme: &Scheme, number: &str) -> bool {
    scheme.check(&alone(number)) == Outcome::Accept
}

#[test]
fn every_scheme_knows_its_number() {
    for scheme in schemes() {
        let (_, number) =
            NUMBERS.iter().find(|(name, _)| *name == scheme.name).unwrap_or_else(|| panic!("{}", scheme.name));
        assert!(valid(scheme, number), "{} {number}", scheme.name);
    }
}

/// Schemes whose check digits do not see every wrong digit: a remainder of 10 counts as 0 (or 11 and 1 are one), weights share a
/// divisor with the modulus, either of two checks will do, or some digits (branches, versions, dates) are not covered.
const LEAKY: &[&str] = &[
    "ar-cuit",
    "au-acn",
    "au-medicare",
    "az-voen",
    "be-nn",
    "br-cns",
    "ca-bn",
    "cz-rc",
    "de-lanr",
    "ec-ruc",
    "ee-isikukood",
    "gb-utr",
    "gr-afm",
    "hu-adoszam",
    "hu-szemelyi",
    "id-npwp",
    "ir-melli",
    "is-kennitala",
    "jp-corporate",
    "kr-rrn-checked",
    "kz-iin",
    "lv-personas-kods",
    "me-pib",
    "mx-curp",
    "pt-niss",
    "ro-cnp",
    "ro-cui",
    "se-personnummer",
    "sv-dui",
    "th-pin",
    "tw-id",
    "tw-ubn",
    "ua-edrpou",
    "ua-rntrc",
    "us-dea",
    "uy-ci",
];

/// One wrong digit is seen: always, or by the leaky ones in more than half of all cases.
#[test]
fn one_wrong_digit_is_seen() {
    for (name, number) in NUMBERS {
        let scheme = scheme(name);
        let (mut all, mut missed) = (0, 0);
        for (at, digit) in number.char_indices().filter(|(_, c)| c.is_ascii_digit()) {
            for other in ('0'..='9').filter(|other| *other != digit) {
                let mut wrong = (*number).to_owned();
                wrong.replace_range(at..=at, &other.to_string());
                all += 1;
                missed += u32::from(valid(scheme, &wrong));
            }
        }
        let most = if LEAKY.contains(name) { all / 2 } else { 0 };
        assert!(!scheme.checked || missed <= most, "{name}: {missed} of {all}");
    }
}

#[test]
fn a_piece_of_something_else_is_none() {
    let pesel = scheme("pl-pesel");
    for (before, after) in
        [("", ""), ("pesel=", ""), ("PESEL: ", ", "), ("(", ")"), ("pesel-", "."), ("order 7, pesel ", "")]
    {
        assert_eq!(pesel.check(&among(before, "44051401359", after)), Outcome::Accept, "{before}{after}");
    }
    for (before, after) in
        [("12.", ""), ("", ".5"), ("", "-3"), ("7-", ""), ("phone: ", ""), ("\"order_no\": 1, \"timestamp\": ", "")]
    {
        assert_eq!(pesel.check(&among(before, "44051401359", after)), Outcome::Reject, "{before}{after}");
    }
    assert_eq!(pesel.check(&alone("00000000000")), Outcome::Reject);
}
