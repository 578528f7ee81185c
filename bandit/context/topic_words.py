"""Words that speak for a field of work, by hand: stems count, so inflections needn't be listed."""

from __future__ import annotations

STEM = 6
"""Letters that a word is cut to, so that inflections fall together."""

WORDS: dict[str, str] = {
    "maths": """
        theorem polynomial integral derivative matrix vector eigenvalue prime integer integers divisor modulo
        graph vertices edge triangle circle radius hypotenuse angle sine cosine tangent equation equations
        solve root roots quadratic logarithm exponential converge convergent series sequence limit continuous
        differentiable group abelian subgroup homomorphism ring field ideal isomorphic kernel finite infinite
        permutation permutations combination probability dice coin random variable expected variance deviation
        distribution normal poisson binomial regression geometry algebra calculus function domain range
        rectangle perimeter sum product multiply fraction decimal digits remainder topology compact metric
        bijection proof axiom factorial coefficient mathbb mathrm frac sqrt ldots cdot infty sum lim ln sin cos tan
        log dx dy mod gcd statement polynomials inequality maximum minimum tangent plane axis coordinates
        congruent parallel perpendicular slope vertex isosceles median mean percentile sample hypothesis """,
    "arithmetic": """
        many much total each apples cookies dollars cents bought sells sold spent earn earns week weeks hour
        hours minutes twice half times left older younger altogether per gallons miles pounds boxes buys gave
        gives friends money cost costs remaining read pages """,
    "physics": """
        velocity acceleration momentum force forces newton newtons kinetic potential energy joule joules gravity
        gravitational mass pendulum oscillation frequency wavelength photon photons electron electrons proton
        quantum relativity lens mirror focal refraction diffraction interference optical light beam magnetic
        electric charge charged coulomb capacitor dielectric inductor current voltage resistance ohm ohms
        thermodynamics entropy adiabatic isothermal heat temperature kelvin pressure ideal gas neutron nucleus
        radioactive decay orbit planet planets stars galaxy telescope moon solar astronomy spin particle
        particles kg km sec speed ev mev nm angstrom angstroms circular axle incline pulley tension buoyant
        density refractive index mirror image concave convex grating slit polarized amplitude harmonic photons
        friction torque projectile wave waves sound spring collision cm meters """,
    "chemistry": """
        molecule molecules atom atoms molar mole moles molarity solution acid acids base bases ph titration
        titrated buffer reaction reactions reactant equilibrium oxidation reduction catalyst enthalpy ionic
        covalent bond bonds bonding orbital orbitals hybridization electronegativity periodic isotope compound
        compounds organic alkene alkane benzene aldehyde ketone ester polymer precipitate solubility soluble
        aqueous grams gram formula hydrogen oxygen carbon nitrogen sodium chloride sulfuric sulfate hydroxide
        ammonia nmr spectrum spectroscopy stoichiometry boiling melting vapor partial atm torr dissolved
        element elements chemical hcl naoh nacl mol ml kcal kj cl na ca mg zn cu fe pka ka kb ksp hno nh ch oh co so
        redox solute solvent solvents electrolyte molality mmhg stp empirical isomer isomers alcohol ether
        amine carboxylic acetic nitric phosphate phosphoric iodine bromine chlorine potassium calcium
        magnesium silver copper iron precipitation dissociation ionization metal metals salt salts """,
    "biology": """
        cell cells dna rna gene genes genetic genome chromosome chromosomes allele alleles dominant recessive
        phenotype genotype mutation protein proteins enzyme enzymes amino ribosome transcription translation
        mitosis meiosis membrane mitochondria chloroplast photosynthesis respiration bacteria bacterial virus
        species evolution natural selection population ecosystem habitat predator prey plant plants leaf roots
        flower seed animals animal mammals insects birds fish embryo gamete fungi algae hormone organism
        organisms tissue tissues glucose nerve homeostasis ecology """,
    "health": """
        patient patients disease diseases symptoms symptom treatment diagnosis clinical therapy drug drugs dose
        medication hospital physician nurse surgery surgical blood heart cardiac artery arteries vein lung
        lungs kidney renal liver stomach muscle bone bones joint skin brain infection infected vaccine cancer
        tumor diabetes insulin hypertension fever pain syndrome chronic acute vitamin nutrition diet dietary
        obesity pregnancy pregnant anatomy year-old woman aging elderly hiv aids sexual mortality health
        medical medicine prescribed examination """,
    "psychology": """
        psychologist psychology psychological behavior behavioral cognitive cognition therapist client anxiety
        depression depressive disorder disorders schizophrenia personality freud freudian piaget erikson
        conditioning reinforcement stimulus stimuli memory perception attachment motivation emotion emotional
        emotions self-esteem attitude attitudes stereotype conformity adolescent adolescents child children
        parents infant counselor counseling adler rogers scale test validity reliability intelligence wechsler
        dsm mental group trauma learned developmental participants subjects """,
    "law": """
        court courts defendant plaintiff statute statutory law laws legal contract contracts contractual offer
        acceptance breach damages liable liability negligence tort crime criminal murder burglary robbery
        larceny felony guilty convicted trial jury judge testimony witness evidence hearsay admissible
        constitution constitutional amendment congress jurisdiction attorney lawyer counsel prosecution
        prosecutor property deed tenant landlord easement mortgage estate conveyed devised seller buyer sued
        suit action motion appeal police arrested warrant treaty rights ordinance clause """,
    "economics": """
        economy economic economics demand supply elasticity elastic price prices inflation unemployment gdp gnp
        monetary fiscal money tax taxes tariff trade imports exports currency exchange consumer consumers
        producer surplus marginal utility monopoly monopolist oligopoly competitive firm firms wage wages labor
        capital aggregate multiplier keynesian recession federal reserve bank banks deficit market markets
        equilibrium good goods income quantity curve cost output econometrics """,
    "business": """
        company companies business management manager managers marketing advertising customer customers brand
        strategy employee employees employer corporate corporation stakeholders shareholders stock stocks
        share shares dividend bond bonds yield maturity interest invoice discount percent annual annually
        payable receivable accounting accountant depreciation asset assets liabilities balance sheet profit
        profits sales revenue inventory merchandise rate loan loans mortgage insurance premium invested
        investment investor partnership ethics organization organizational fiscal audit budget net """,
    "engineering": """
        beam shaft bearing steel concrete bolt gear motor motors generator transformer armature winding windings
        induction synchronous rpm hp horsepower circuit circuits amplifier transistor diode voltage impedance
        filter signal modulation antenna transmission bandwidth turbine compressor pump pumps pipe flow fluid
        viscosity reynolds laminar turbulent nozzle boiler steam btu heat exchanger convection conduction
        radiation conductivity insulation refrigeration efficiency diameter inches inch ft lb psi stress strain
        lbm lbf kw mw btu ma fin fins shunt series-wound brushes excitation phase rotor stator kva
        enthalpy superheated saturated psia chord airfoil weld rivet column truss deflection
        shear modulus tensile load controller feedback transfer poles rectifier flux """,
    "computing": """
        algorithm algorithms program programming code python java function functions array arrays list string
        strings compiler memory cache processor cpu bit bits byte bytes binary hexadecimal database sql query
        network packet protocol tcp ip server client encryption hash software operating system thread process
        recursion tree stack queue pointer variable variables loop return class method object boolean turing
        complexity polynomial-time neural learning classifier training data gradient kernel overfitting html
        javascript write implement debug api json regex git linux docker """,
    "history": """
        war wars century empire emperor king queen revolution revolutionary treaty colonial colonies colony
        slavery slaves president parliament republic dynasty medieval ancient civilization roman rome greek
        greece egypt egyptian china chinese japan british french france german soviet communist communism
        union american america european europe military army battle independence nationalism imperialism
        passage archaeological archaeologist pottery neolithic maya aztec inca culture cultural bronze site
        nineteenth eighteenth government political """,
    "philosophy": """
        philosopher philosophy argument arguments moral morality morally ethics ethical kant kantian hume plato
        socrates aristotle descartes mill utilitarian utilitarianism virtue premise premises conclusion fallacy
        valid validity logic logical predicate propositional proposition truth knowledge belief beliefs
        existence god religion religious buddhist buddhism hindu islam jewish christian soul mind free will
        determinism consequentialism contractarian duty justice singer nozick rawls epicurus stoic torah tao
        translate symbolize """,
    "language": """
        sentence sentences word words grammar adjective noun verb translate translation essay poem story rewrite
        summarize summary paragraph sarcastic humorous edit movie artist novel author poet fiction english
        plausible continuation option fills blank pronoun antecedent ambiguous synonym tone letter email draft
        context complete spelling """,
    "everyday": """
        happen happens people person someone people's place things kitchen bathroom dog cat car house man woman
        drink eat sleep room street game sport football soccer basketball player ball music dance wearing
        holding standing walks hair water boy girl park where choose myth really superstition countries world
        country famous """,
}
