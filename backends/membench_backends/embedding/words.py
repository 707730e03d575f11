"""Common English words, for the speed twin's vocabulary and for generated conversations."""

_TEXT = """
the of and to in a is was he for on with as his it at by from her she that not be an this had are were but have
one they which you or all their also who has been its we into my more other two first after when there i so if
would could out up then about time like some no only do what your them me him just over know new back get
through did made can will than any may very where now before these school between off most way even many much
such being under while down because until long man too own well still right around during think good both each
day year years work world life people city part place hand war state little make several three four five six
seven eight nine ten another great here became since home us house against called later head eyes old last same
again left used never how go want said say see look going come take however without within end next night team
area north south east west room name went came took found face family door early high group second should must
why young small use began always set held across every national game season film music age named away following
university number those something nothing anything everything along local public member water form often built
order love power based system large moved among history line book field series play played club league won final
round match award band album song released single record top live tour video radio television show episode
character story novel written director producer actor role star stage theatre dance art museum science research
study college student students education class program degree professor teacher learning government law court
president party election office minister council vote policy political rights act bill army military battle
force forces command officer soldiers air navy ship aircraft weapon gun fire attack peace company business
market industry service trade money bank price cost sales product production million billion percent value rate
tax income economic economy growth development project plan support help management staff church god religious
catholic christian faith holy bible prayer temple saint spirit soul heaven angel death dead die died mother
father son daughter brother sister wife husband child children baby boy girl woman women men friend friends king
queen prince princess lord lady sir royal castle crown emperor kingdom empire body hair hands arm arms leg legs
foot feet finger fingers mouth lips nose ear ears eye neck shoulder chest heart blood bone skin brain mind voice
breath tears smile laugh cry kiss touch sleep dream dreams red blue green black white brown yellow gold silver
grey gray pink purple orange dark light bright color sun moon sky earth land sea ocean river lake island
mountain hill valley forest tree trees grass flower rock stone sand snow ice rain wind storm cloud weather
summer winter spring autumn hot cold warm cool dry wet dog cat horse bird fish cow bear wolf lion snake animal
animals species wild food bread meat milk sugar salt coffee tea wine beer fruit apple rice soup egg cheese
dinner lunch breakfast meal eat ate cook kitchen table chair bed wall floor roof window glass cup plate bottle
box bag key lock car bus train truck plane boat road street bridge station airport park garden building tower
hotel hospital store shop town village county district region country border capital center central square
corner hour minute moment week month morning afternoon evening today tomorrow yesterday tonight monday tuesday
wednesday thursday friday saturday sunday january february march april june july august september october
november december half third quarter hundred thousand few less least enough whole full empty double big tall
short wide deep thick thin heavy soft hard strong weak fast slow quick easy difficult simple important different
similar special common general particular certain possible likely available necessary able happy sad angry
afraid scared worried tired sick hurt safe sure ready busy free alone quiet loud rich poor cheap expensive clean
dirty fresh sweet bitter sharp smooth rough flat true false real wrong bad better best worse worst nice fine
perfect beautiful pretty ugly american british english french german chinese japanese russian italian spanish
indian canadian australian european african america england france germany china japan russia italy spain india
canada australia europe africa london paris york washington california texas chicago boston ask asked answer
answered tell told speak spoke talk talked talking call calling hear heard listen read write wrote reading
writing learn learned teach taught understand understood believe believed feel felt feeling thought thinking
remember forget forgot forgotten knew known mean meant seem seemed appear appeared become keep kept stay stayed
leave leaving give gave given giving bring brought carry carried hold holding put pull pulled push pushed pick
picked drop dropped throw threw catch caught hit kick cut break broke broken fix build making create created
open opened close closed start started begin beginning stop stopped continue continued finish finished run
running ran walk walked walking stand stood standing sit sat sitting lay lie fall fell rise rose turn turned
move moving travel drive driving drove ride fly flying swim jump climb step stepped follow followed lead led
leading meet met meeting visit visited join joined marry married divorce born grow grew grown buy bought sell
sold pay paid spend spent save saved lose lost win winning fight fighting fought kill killed wait waited watch
watched watching showed shown hide hidden find finding search looking looked seen saw helped try tried trying
allow allowed let need needed wanted wish hope hoped expect expected choose chosen chose decide decided agree
agreed accept accepted refuse refused offer offered receive received send sent return returned arrive arrived
reach reached enter entered pass passed cross crossed change changed changing improve increase increased reduce
reduced develop developed produce produced provide provided include included including contain require required
remain remained represent describe described explain explained report reported announce announced publish
published release recorded perform performed wear wearing wore dress shirt shoes hat coat clothes suit jacket
test memory item performance benchmark model data code computer software hardware network server file files user
users web site page link email message phone address list figure image picture photo camera screen button click
type print copy version update error problem solution question idea reason result results effect cause fact case
example point view method process information knowledge language word words sentence letter text paper document
article news magazine newspaper press media editor author writer poet artist engine machine tool metal steel
iron wood oil gas fuel energy electric plant factory speed distance weight height length width size depth level
temperature pressure hole space planet universe doctor nurse patient medicine medical health disease cancer drug
treatment pain wound surgery police crime criminal prison murder victim evidence judge jury lawyer witness sport
football basketball baseball soccer hockey tennis golf race racing player players coach goal score championship
olympic title medal winner captain crew pilot driver worker workers farmer engineer manager leader leaders chief
boss assistant secretary agent guard soldier hunter job career position interview experience skill training
practice birthday wedding holiday vacation christmas gift surprise trip journey adventure guitar piano drum
violin bass jazz pop folk opera orchestra singer sing singing sang paint painting painted drawing draw drew
design designed style fashion movie scene shot actress cast library books reader chapter poem poetry yes maybe
please thank thanks sorry okay hello hi bye really actually probably perhaps certainly definitely exactly
especially usually sometimes finally suddenly quickly slowly quietly simply clearly nearly almost already yet
soon ago once twice together apart instead rather quite though although despite unless whether either neither
above below behind beside beneath beyond inside outside near far toward towards upon onto everyone someone
anyone nobody somebody everybody myself yourself himself herself itself themselves previous recent current
modern ancient original main major minor personal private social cultural natural human physical mental
emotional community society culture tradition members groups committee association organization institute
foundation department agency budget fund funds loan debt credit card cash stock shares contract deal agreement
treaty claim charge legal freedom justice truth trust honor pride shame guilt fear anger joy hate danger risk
threat damage loss failure success victory defeat strength courage beauty magic secret mystery western eastern
southern northern ward clinic weekend daily weekly annual detail details subject topic matter issue issues theme
choice option decision opinion advice suggestion relationship connection contact conversation discussion
argument debate attention interest interested concern noise sound sounds silence shape circle lines edge surface
piece pieces parts bit lot kind sort types sets pair front side bottom middle gate fence path trail track
highway avenue basement apartment cabin tent laptop internet online digital technology games console chicken
pork beef vegetable potato tomato onion garlic pepper butter cream chocolate cake pie restaurant cafe bar pub
yoga gym exercise hiking camping fishing hunting pet puppy kitten rabbit mouse rat monkey elephant tiger fox
deer sheep pig duck eagle uncle aunt cousin grandmother grandfather parent parents neighbor guest stranger
partner couple mark john david james mary george william robert charles thomas henry peter paul michael jack tom
sam max ben alex anna emma sarah kate jane alice lucy
"""

COMMON_WORDS: tuple[str, ...] = tuple(_TEXT.split())
"""Distinct lower-case words. Each is one token of BERT's uncased vocabulary, so the twin and the real model split a
text of these words alike."""
